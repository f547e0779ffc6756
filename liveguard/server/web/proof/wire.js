// The socket over which a check is led. Pings are answered here; everything else is emitted under its type.
import { Emitter } from "../emitter.js";

/** Emits each message by its type, and "lost" when the socket closes before `close`. */
export class Wire extends Emitter {
  #socket;
  #closed = false;

  /** @param {WebSocket} socket */
  constructor(socket) {
    super();
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#heard(data);
    socket.onclose = () => this.#closed || (this.close(), this.emit("lost"));
  }

  /** Resolves when messages can be sent. */
  opened() {
    const socket = this.#socket;
    if (socket.readyState === WebSocket.OPEN) return Promise.resolve();
    return new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
  }

  send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  close() {
    this.#closed = true;
    this.#socket.close();
  }

  #heard(data) {
    const message = JSON.parse(data);
    if (message.type === "ping") this.send({ type: "pong", n: message.n });
    else this.emit(message.type, message);
  }
}
