import type { Socket } from "node:net";

const ICY = "ICY ";
const HTTP = "HTTP/1.0 ";

/**
 * Has a socket show an answer that begins with `ICY 200 OK`, as Shoutcast servers send it, as one of HTTP: Node's parser
 * takes no other. Everything else passes as it came, TLS or not.
 */
export function acceptIcyAnswer(socket: Socket): Socket {
  const push = socket.push.bind(socket);
  let begun: Uint8Array | undefined = new Uint8Array(0);
  socket.push = (chunk: Uint8Array | null): boolean => {
    if (begun === undefined) return push(chunk);
    const head = chunk === null ? begun : Buffer.concat([begun, chunk]);
    const start = Buffer.from(head.subarray(0, ICY.length)).toString("latin1");
    if (chunk !== null && start.length < ICY.length && ICY.startsWith(start)) {
      begun = head;
      return true;
    }
    begun = undefined;
    const passed = start === ICY ? Buffer.concat([Buffer.from(HTTP), head.subarray(ICY.length)]) : head;
    const isRoom = passed.length === 0 ? true : push(passed);
    return chunk === null ? push(null) : isRoom;
  };
  return socket;
}
