// The attacks that can be tried, in words.

/** `kind`: which track is another one meanwhile. `file`: what may be chosen from one's own files. */
export const ATTACKS = [
  {
    id: "freeze",
    kind: "video",
    name: "Frozen picture",
    about: "Your picture stands still while the sound goes on.",
    expect: "An alert is due after about 5 s.",
  },
  {
    id: "loop",
    kind: "video",
    name: "Loop of the last 5 s",
    about: "Your last five seconds are played again and again. Move a little first: a loop of somebody who keeps still cannot be told.",
    expect: "An alert is due after 5 to 8 s.",
  },
  {
    id: "photo",
    kind: "video",
    name: "Still photo",
    about: "A photo is sent instead of the camera: a snapshot of now, or a picture of yours.",
    expect: "An alert is due after about 5 s, if there is a face in it.",
    file: "image/*",
  },
  {
    id: "late_audio",
    kind: "audio",
    name: "Sound 400 ms late",
    about: "Your voice comes later than your lips move, as from a poor dubbing or a swapped face that takes time to make.",
    expect: "Keep speaking, facing the camera: an alert may take 15 s of speech or more.",
  },
  {
    id: "foreign_audio",
    kind: "audio",
    name: "Another voice",
    about: "A built-in voice, or a recording of yours, is sent instead of your microphone.",
    expect: "Move your lips as if you spoke, facing the camera: an alert may take 15 s or more.",
    file: "audio/*",
  },
  {
    id: "low_res_face",
    kind: "video",
    name: "Coarse, flickering face",
    about: "The region of your face is made coarse and flickers a little, as a poor face swap does.",
    expect: "The checks of the face are weak, and may not raise an alert alone: their bars may rise, but nothing is raised.",
  },
];
