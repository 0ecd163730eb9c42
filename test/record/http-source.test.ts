import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, test } from "node:test";
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from "node:tls";
import { fileURLToPath } from "node:url";

import { AppError } from "../../src/core/app-error.ts";
import { httpSource } from "../../src/record/http-source.ts";

/** Bytes that are no text, as sound is. */
const SOUND = Buffer.from([0xff, 0xfb, 0x90, 0, 1, 2, 3, 4]);
const STREAM = `HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n`;

type Answer = (request: { path: string; head: string; port: number }) => string | Buffer | Iterable<string>;

const servers: { server: Server; sockets: Set<Socket> }[] = [];

afterEach(async () => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  }
});

test("ICY 200 OK is an answer, however it is cut into packets, and its titles and Date are read", async () => {
  const head =
    "ICY 200 OK\r\nicy-notice1:<BR>no \x01 clean head<BR>\r\nicy-metaint:8192\r\nContent-Type:audio/mpeg\r\n\r\n";
  for (const pieces of [[head], head.split(""), ["I", head.slice(1)], ["ICY", head.slice(3)]]) {
    const { port } = await serve(() => pieces);
    const connection = await connect(`http://127.0.0.1:${port}/;`);
    assert.equal(connection.icyMetaInterval, 8192);
    connection.close();
  }
});

test("what begins almost like ICY passes as it is", async () => {
  const { port } = await serve(() => ["IC", "HTTP/1.0 200 OK\r\n\r\n"]);
  await assert.rejects(connect(`http://127.0.0.1:${port}/`), isNetworkError(/Parse Error|HTTP/));
});

test("ICY 200 OK is an answer over TLS too", async () => {
  const usual = getCACertificates("default");
  const [key, cert] = ["key", "cert"].map((name) =>
    readFileSync(fileURLToPath(new URL(`../fixtures/localhost-${name}.pem`, import.meta.url))),
  );
  setDefaultCACertificates([...usual, cert?.toString() ?? ""]);
  try {
    const { port } = await serve(() => ["ICY 20", "0 OK\r\nContent-Type: audio/mpeg\r\n\r\n"], {
      tls: { key, cert },
    });
    const connection = await connect(`https://localhost:${port}/`);
    connection.close();
    setDefaultCACertificates(usual);
    await assert.rejects(connect(`https://localhost:${port}/`), isNetworkError(/self-signed/));
  } finally {
    setDefaultCACertificates(usual);
  }
});

test("the body of a stream is whole, whatever its type says", async () => {
  for (const type of ["audio/mpeg", "application/octet-stream", "text/plain", "audio/x-mpegurl", undefined]) {
    const line = type === undefined ? "" : `Content-Type: ${type}\r\n`;
    const head = Buffer.from(`HTTP/1.0 200 OK\r\n${line}\r\n`);
    const { port } = await serve(() => Buffer.concat([head, SOUND, SOUND]), { ends: true });
    assert.deepEqual(await readBody(`http://127.0.0.1:${port}/live.m3u8`), Buffer.concat([SOUND, SOUND]));
  }
});

for (const [kind, type, toText] of [
  [
    "pls",
    "audio/x-scpls",
    (urls: string[]) => `[playlist]\r\n${urls.map((url, i) => `File${i + 1}=${url}`).join("\r\n")}`,
  ],
  ["m3u", "audio/x-mpegurl", (urls: string[]) => `#EXTM3U\n#EXTINF:-1,Radio\n${urls.join("\n")}\n`],
  ["m3u8", "text/html", (urls: string[]) => `\uFEFF${urls.join("\n")}`],
] as const) {
  test(`a .${kind} is followed, its entries in order, of HTTP only, also relative ones`, async () => {
    const asked: string[] = [];
    const { port } = await serve(
      ({ path }) => {
        asked.push(path);
        if (path.startsWith("/radio/list")) {
          const urls = ["file:///etc/passwd", "http://127.0.0.1:9/dead", "busy", "/live"];
          return `HTTP/1.0 200 OK\r\nContent-Type: ${type}\r\n\r\n${toText(urls)}`;
        }
        return path === "/live" ? STREAM : "HTTP/1.0 503 Busy\r\n\r\n";
      },
      { endsUnless: "/live" },
    );
    const path = kind === "m3u8" ? "/radio/list.m3u8" : "/radio/list";
    const connection = await connect(`http://127.0.0.1:${port}${path}`);
    connection.close();
    assert.deepEqual(asked, [path, "/radio/busy", "/live"]);
  });
}

test("playlists that name each other, or nothing, or are too long, come to an end", async () => {
  const list = (text: string): string => `HTTP/1.0 200 OK\r\nContent-Type: audio/x-scpls\r\n\r\n${text}`;
  let asked = 0;
  const { port } = await serve(
    ({ path }) => {
      asked++;
      if (path === "/loop") return list("[playlist]\nFile1=/loop\n");
      return list(
        path === "/none" ? "[playlist]\nFile1=ftp://x/\n" : `[playlist]\n${"File1=/long\n".repeat(9000)}`,
      );
    },
    { ends: true },
  );
  await assert.rejects(
    connect(`http://127.0.0.1:${port}/loop`),
    isNetworkError(/playlists inside of playlists/),
  );
  assert.equal(asked, 4);
  await assert.rejects(connect(`http://127.0.0.1:${port}/none`), isNetworkError(/names no HTTP address/));
  const connection = await connect(`http://127.0.0.1:${port}/long`);
  connection.close();
  assert.equal(asked, 6, "what is too long is not followed");
});

test("five redirects are followed and no sixth; a loop ends", async () => {
  const { port } = await serve(({ path }) => {
    const left = Number(path.slice(1));
    return left === 0 ? STREAM : `HTTP/1.1 302 Found\r\nLocation: ${left - 1}\r\nContent-Length: 0\r\n\r\n`;
  });
  (await connect(`http://127.0.0.1:${port}/5`)).close();
  await assert.rejects(connect(`http://127.0.0.1:${port}/6`), isNetworkError(/more than 5 times/));
  const loop = await serve(() => "HTTP/1.0 301 Moved\r\nLocation: /\r\n\r\n", { ends: true });
  await assert.rejects(connect(`http://127.0.0.1:${loop.port}/`), isNetworkError(/more than 5 times/));
  const file = await serve(() => "HTTP/1.0 301 Moved\r\nLocation: file:///etc/passwd\r\n\r\n", {
    ends: true,
  });
  await assert.rejects(connect(`http://127.0.0.1:${file.port}/`), isNetworkError(/redirects to file:/));
});

test("configured headers and the password in the address reach their origin and no other", async () => {
  const heads: string[] = [];
  const other = await serve(({ head }) => {
    heads.push(head);
    return STREAM;
  });
  const { port } = await serve(
    ({ path, head, port }) => {
      heads.push(head);
      if (path === "/a") return `HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:${port}/b\r\n\r\n`;
      if (path === "/b") return `HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:${other.port}/c\r\n\r\n`;
      return `HTTP/1.0 200 OK\r\nContent-Type: audio/x-mpegurl\r\n\r\nhttp://127.0.0.1:${other.port}/d\n`;
    },
    { ends: true },
  );
  const secret = /authorization: Basic dTpwQHNz|x-token: secret/gi;
  for (const path of ["/a", "/list"]) {
    heads.length = 0;
    (await connect(`http://u:p%40ss@127.0.0.1:${port}${path}`, { "X-Token": "secret" })).close();
    const counts = heads.map((head) => head.match(secret)?.length ?? 0);
    assert.deepEqual(counts, path === "/a" ? [2, 2, 0] : [2, 0]);
  }
});

test("no failure shows the password of an address", async () => {
  const { port } = await serve(() => "HTTP/1.0 401 Unauthorized\r\n\r\n", { ends: true });
  for (const url of [
    `http://u:s3cret@127.0.0.1:${port}/`,
    "http://u:s3cret@127.0.0.1:9/",
    "http://u:s3cret%zz@127.0.0.1:9/",
  ]) {
    await assert.rejects(
      connect(url),
      (error) => error instanceof AppError && !String(error).includes("s3cret"),
    );
  }
});

test("what a server says reaches the log on one line, without control characters", async () => {
  const { port } = await serve(() => "HTTP/1.0 404 Not\x1b[2J Found\r\n\r\n", { ends: true });
  const url = `http://127.0.0.1:${port}/`;
  await assert.rejects(connect(url), (error) => error instanceof AppError && !/\p{Cc}/u.test(error.message));
});

test("an address of IPv6 is connected to", async (t) => {
  const { port } = await serve(({ head }) => (/host: \[::1\]/i.test(head) ? STREAM : ""), {
    host: "::1",
  }).catch(() => ({ port: 0 }));
  if (port === 0) return t.skip("this machine has no IPv6");
  (await connect(`http://[::1]:${port}/`)).close();
});

test("compressed streams, endless heads and endless interim answers are refused", async () => {
  const gzip = await serve(() => "HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
  await assert.rejects(connect(`http://127.0.0.1:${gzip.port}/`), isNetworkError(/compresses/));
  const head = await serve(() => `HTTP/1.0 200 OK\r\n${`X-Endless: ${"y".repeat(1000)}\r\n`.repeat(1000)}`);
  await assert.rejects(connect(`http://127.0.0.1:${head.port}/`), isNetworkError(/[Oo]verflow/));
  const interim = await serve(() => "HTTP/1.1 102 Processing\r\n\r\n".repeat(1000));
  await assert.rejects(connect(`http://127.0.0.1:${interim.port}/`), isNetworkError(/interim/));
});

test("a metaint that leaves no room for sound counts as none, and one that is never reached costs nothing", async () => {
  for (const [text, interval] of [
    ["0", undefined],
    ["-1", undefined],
    ["1", undefined],
    ["x", undefined],
    ["16000", 16_000],
    ["2147483648", 2 ** 31],
  ] as const) {
    const { port } = await serve(
      () => `ICY 200 OK\r\nicy-metaint: ${text}\r\nContent-Type: audio/mpeg\r\n\r\n`,
    );
    const connection = await connect(`http://127.0.0.1:${port}/`);
    assert.equal(connection.icyMetaInterval, interval);
    connection.close();
  }
});

async function connect(
  url: string,
  headers: Record<string, string> = {},
): ReturnType<typeof httpSource.connect> {
  return await httpSource.connect({ url, headers }, AbortSignal.timeout(20_000));
}

async function readBody(url: string): Promise<Buffer> {
  const { body } = await connect(url);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function isNetworkError(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof AppError && error.code === "network", String(error));
    assert.match(error.message, message);
    return true;
  };
}

/** A server of bytes: what a parser of HTTP would not send has to be sent as it is. */
async function serve(
  answer: Answer,
  options: {
    ends?: boolean;
    endsUnless?: string;
    host?: string;
    tls?: { key?: Buffer | undefined; cert?: Buffer | undefined };
  } = {},
): Promise<{ port: number }> {
  const sockets = new Set<Socket>();
  let port = 0;
  const onSocket = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true).on("error", () => {});
    socket.once("data", (data: Buffer) => void reply(socket, data.toString("latin1")));
  };
  const reply = async (socket: Socket, head: string): Promise<void> => {
    const path = head.split(" ")[1] ?? "";
    const said = answer({ path, head, port });
    if (typeof said === "string" || Buffer.isBuffer(said)) socket.write(said);
    else for (const piece of said) await new Promise((sent) => socket.write(piece, "latin1", sent));
    if (options.ends === true || (options.endsUnless !== undefined && options.endsUnless !== path))
      socket.end();
  };
  const server =
    options.tls === undefined
      ? createServer(onSocket)
      : createTlsServer({ key: options.tls.key ?? "", cert: options.tls.cert ?? "" }, onSocket);
  servers.push({ server, sockets });
  server.listen(0, options.host ?? "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  ({ port } = address);
  return { port };
}
