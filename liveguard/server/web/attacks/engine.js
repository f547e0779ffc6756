// Puts an attack in the place of the real picture or sound, and the real one back.
import { otherVoice, late } from "./sounds.js";
import { PaintedTrack } from "./painted_track.js";
import { coarseFace, loop, still } from "./pictures.js";
import { Ring } from "./ring.js";

export class Engine {
  #on = null;

  /** @param {import("../live_call.js").LiveCall} call */
  constructor(call) {
    this.call = call;
    this.camera = document.createElement("video"); // not in the page: the one there shows what is sent
    Object.assign(this.camera, { muted: true, playsInline: true });
    this.ring = new Ring(this.camera);
    this.follow();
  }

  /** The real tracks may have changed. */
  follow() {
    this.camera.srcObject = new MediaStream(this.call.stream.getVideoTracks());
    this.camera.play().catch(() => null); // stopped before it began
  }

  get running() {
    return this.#on?.id ?? null;
  }

  /** @param {{id: string, kind: "video"|"audio"}} attack @param {File|null} file */
  async start(attack, file) {
    await this.stop();
    if (attack.id === "loop") this.ring.pause();
    const source = await this.#source(attack.id, file);
    this.#on = { ...attack, source };
    await this.call.send(attack.kind, source.track);
    this.#tell();
  }

  async stop() {
    const on = this.#on;
    if (!on) return;
    this.#on = null;
    const [real] = on.kind === "video" ? this.call.stream.getVideoTracks() : this.call.stream.getAudioTracks();
    if (real) await this.call.send(on.kind, real);
    on.source.stop();
    this.#tell();
  }

  /** The guard stores alerts of an attack as simulated. */
  #tell() {
    this.call.publisher.tell("simulation", { attack: this.running });
  }

  close() {
    this.#on?.source.stop();
    this.#on = null;
    this.ring.clear();
    this.camera.srcObject = null;
  }

  async #source(id, file) {
    const { videoWidth, videoHeight } = this.camera;
    const painted = (paint) => new PaintedTrack(this.camera, paint);
    if (id === "late_audio") return late(this.call.stream.getAudioTracks()[0]);
    if (id === "foreign_audio") return otherVoice(file);
    if (id === "loop") return painted(loop(this.ring));
    if (id === "low_res_face") return painted(coarseFace(this.camera, () => this.call.room.faceBox()));
    const picture = id === "photo" && file ? await createImageBitmap(file) : this.camera;
    return painted(still(picture, videoWidth, videoHeight));
  }
}
