// The picture of a feed whose video is not in this browser, as the guard sends it a few times a second.

export class Preview {
  #busy = false;
  #release = null;

  /** @param {import("./socket.js").Socket} socket */
  constructor(socket, session) {
    this.element = document.createElement("canvas");
    this.element.className = "picture";
    this.element.dataset.testid = "preview";
    this.element.setAttribute("role", "img");
    this.element.setAttribute("aria-label", "Live picture of the feed");
    this.#release = socket.on("preview", (message) => message.session === session && this.#paint(message.jpeg));
  }

  /** Size of the last picture, [0, 0] before the first. */
  get size() {
    return this.shown ? [this.element.width, this.element.height] : [0, 0];
  }

  shown = false;

  close() {
    this.#release();
  }

  async #paint(jpeg) {
    if (this.#busy) return; // the next one is newer
    this.#busy = true;
    try {
      const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
      const { width, height } = picture;
      if (this.element.width !== width || this.element.height !== height) Object.assign(this.element, { width, height });
      this.element.getContext("2d").drawImage(picture, 0, 0);
      picture.close();
      this.shown = true;
    } finally {
      this.#busy = false;
    }
  }
}
