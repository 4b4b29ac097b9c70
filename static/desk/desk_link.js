/** The connection to a role-play that is followed: made again when it is lost, until it is over or the right is gone. */

const SUBPROTOCOL = "interlocutor.desk.v1";
const TICKET = "interlocutor-desk-ticket.";
const PAUSES_MS = [300, 1000, 2000, 4000, 8000];
const DONE = new Set([1000, 4403]);

export class DeskLink {
  #socket = null;
  #closed = false;
  #tries = 0;
  #timer = 0;

  /** `ticket()` resolves to {ticket, url}, or rejects with a Problem. */
  constructor(ticket) {
    this.ticket = ticket;
    this.onopen = () => {}; // all that follows is told from the beginning
    this.onmessage = () => {}; // (message)
    this.onsound = () => {}; // (ArrayBuffer)
    this.onlost = () => {};
    this.onend = () => {}; // (close code, or null with a Problem)
  }

  async open() {
    let place;
    try {
      place = await this.ticket();
    } catch (problem) {
      if (this.#closed) return;
      if (problem.status >= 400 && problem.status < 500) this.onend(null, problem);
      else this.#again();
      return;
    }
    if (this.#closed) return;
    const socket = new WebSocket(place.url, [SUBPROTOCOL, TICKET + place.ticket]);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.onopen();
    socket.onmessage = ({ data }) => {
      this.#tries = 0;
      if (data instanceof ArrayBuffer) this.onsound(data);
      else this.onmessage(JSON.parse(data));
    };
    socket.onclose = ({ code }) => {
      if (this.#closed || this.#socket !== socket) return;
      if (DONE.has(code)) this.onend(code, null);
      else this.#again();
    };
  }

  listen(on, back_s = 0) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify({ type: "interlocutor.desk.listen", on, back_s }));
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
  }

  #again() {
    this.onlost();
    this.#timer = setTimeout(() => this.open(), PAUSES_MS[Math.min(this.#tries, PAUSES_MS.length - 1)]);
    this.#tries += 1;
  }
}
