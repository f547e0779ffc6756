// What is sent as sound in the attacks on it: a track, and how to stop it.

const LATE_S = 0.4;
const VOICE = new URL("../assets/another_voice.mp3", import.meta.url);

/** The microphone, 400 ms late. @param {MediaStreamTrack} microphone */
export function late(microphone) {
  const audio = new AudioContext();
  const out = audio.createMediaStreamDestination();
  const delay = new DelayNode(audio, { delayTime: LATE_S, maxDelayTime: LATE_S });
  audio.createMediaStreamSource(new MediaStream([microphone])).connect(delay).connect(out);
  return running(audio, out);
}

/** Another voice, again and again: the built-in one, or that of a file. @param {File|null} file */
export async function otherVoice(file) {
  const bytes = file ? await file.arrayBuffer() : await (await fetch(VOICE)).arrayBuffer();
  const audio = new AudioContext();
  try {
    const clip = new AudioBufferSourceNode(audio, { buffer: await audio.decodeAudioData(bytes), loop: true });
    const out = audio.createMediaStreamDestination();
    clip.connect(out);
    clip.start();
    return running(audio, out);
  } catch (error) {
    audio.close();
    throw error;
  }
}

function running(audio, out) {
  audio.resume();
  const [track] = out.stream.getAudioTracks();
  return { track, stop: () => (track.stop(), audio.close()) };
}
