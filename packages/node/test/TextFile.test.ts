import { TextFile } from "@skein/node"
import { parallelMap } from "@skein/parallel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { execFileSync } from "node:child_process"
import { chmodSync, createWriteStream, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "skein-text-"))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** Makes a file and gives its path. */
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(dir, name)
  writeFileSync(path, content)
  return path
}

const pipe = (name: string): string => {
  const path = join(dir, name)
  execFileSync("mkfifo", [path])
  return path
}

const read = (path: string, options?: TextFile.ReadOptions) => Effect.runPromise(TextFile.read(path, options))

/** The reason of the failure, in one word. */
const reason = async (path: string, options?: TextFile.ReadOptions): Promise<string> => {
  const error = await Effect.runPromise(Effect.flip(TextFile.read(path, options)))
  expect(error).toBeInstanceOf(TextFile.TextFileError)
  expect(error.path).toBe(path)
  return error.reason._tag
}

const openDescriptors = (): number => readdirSync("/dev/fd").length

describe("TextFile.read: text", () => {
  it("gives the bytes and the text", async () => {
    const path = file("plain.txt", "grüße\n")
    expect(await read(path)).toEqual({ path, bytes: Buffer.from("grüße\n"), text: "grüße\n" })
  })

  it("gives an empty text for an empty file", async () => {
    expect((await read(file("empty.txt", ""))).text).toBe("")
  })

  it("leaves a byte order mark out of the text", async () => {
    expect((await read(file("mark.txt", "\uFEFFa"))).text).toBe("a")
  })

  it("shows bytes that are no UTF-8 as U+FFFD", async () => {
    expect((await read(file("latin.txt", Buffer.from([0x67, 0x72, 0xfc, 0xdf])))).text).toBe("gr\uFFFD\uFFFD")
  })

  it.each([4095, 4096, 65_535, 65_536, 65_537, 1_700_001])("reads a file of %i bytes to its end", async (length) => {
    const content = Buffer.from(Array.from({ length }, (_, i) => 97 + (i % 23)))
    const { bytes } = await read(file(`long-${length}.txt`, content))
    expect(Buffer.compare(bytes, content)).toBe(0)
  })

  it("reads a file that says its size is 0 and has content", async () => {
    // Only Linux has such files; elsewhere any file will do.
    const path = process.platform === "linux" ? "/proc/self/status" : file("status", "Name: node\n")
    expect((await read(path)).text).toContain("Name:")
  })
})

describe("TextFile.read: what is no text", () => {
  it("calls it binary if there is a NUL in its first 8,000 bytes", async () => {
    expect(await reason(file("data.bin", `${"a".repeat(7999)}\0`))).toBe("Binary")
  })

  it("does not look further than that", async () => {
    expect((await read(file("late.txt", `${"a".repeat(8000)}\0`))).text).toHaveLength(8001)
  })

  it("calls a program of 100 MB binary rather than too large, having read its first bytes", async () => {
    expect(await reason(process.execPath, { maxBytes: 100_000 })).toBe("Binary")
  })

  it("refuses what is longer than maxBytes, and takes what is just as long", async () => {
    const path = file("ten.txt", "0123456789")
    expect(await reason(path, { maxBytes: 9 })).toBe("TooLarge")
    expect((await read(path, { maxBytes: 10 })).text).toHaveLength(10)
  })
})

describe("TextFile.read: what cannot be read", () => {
  it("says NotFound for a missing file, a link to nothing, and a path through a file", async () => {
    const link = join(dir, "dangling")
    symlinkSync(join(dir, "nothing"), link)
    const reasons = [join(dir, "nothing"), link, join(file("leaf.txt", "x"), "below")].map((path) => reason(path))
    expect(await Promise.all(reasons)).toEqual(["NotFound", "NotFound", "NotFound"])
  })

  it("says NotAFile for a directory, a device and a socket", async () => {
    const folder = join(dir, "folder")
    mkdirSync(folder)
    const socket = join(dir, "socket")
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    const reasons = await Promise.all([folder, "/dev/zero", socket].map((path) => reason(path)))
    await new Promise((resolve) => server.close(resolve))
    expect(reasons).toEqual(["NotAFile", "NotAFile", "NotAFile"])
  })

  it("says Denied for a file that this user may not read", async () => {
    const path = file("secret.txt", "secret")
    chmodSync(path, 0o000)
    // The superuser may read everything, so it becomes nobody for a moment.
    const isRoot = process.getuid?.() === 0
    if (isRoot) process.seteuid?.(65_534)
    try {
      expect(await reason(path)).toBe("Denied")
    } finally {
      if (isRoot) process.seteuid?.(0)
    }
  })

  it("says Unreadable, with the system's code, for what has no name of its own", async () => {
    const circle = join(dir, "circle")
    symlinkSync(circle, circle)
    const codeOf = (path: string) =>
      Effect.runPromise(Effect.flip(TextFile.read(path))).then(({ reason }) => (reason._tag === "Unreadable" ? reason.code : reason._tag))
    expect(await Promise.all([circle, join(dir, "a\0b"), join(dir, "n".repeat(5000))].map(codeOf))).toEqual([
      "ELOOP",
      "ERR_INVALID_ARG_VALUE",
      "ENAMETOOLONG"
    ])
  })

  it("names the path and the reason in its message", async () => {
    const error = await Effect.runPromise(Effect.flip(TextFile.read("no/such/file")))
    expect(error.message).toBe("no/such/file: nothing there")
  })

  it.each([0, -1, 2.5, Number.NaN, "1"])("refuses a maxBytes of %s at once", (maxBytes) => {
    expect(() => TextFile.read("package.json", { maxBytes: maxBytes as number })).toThrow(
      new RangeError(`TextFile.read: maxBytes must be a whole number of at least 1, got ${maxBytes}`)
    )
  })
})

describe("TextFile.read: named pipes", () => {
  it("reads what the writer sends, up to the end", async () => {
    const path = pipe("spoken")
    const reading = read(path)
    createWriteStream(path).end("a word\n")
    expect((await reading).text).toBe("a word\n")
  })

  it("waits for a writer, and stops waiting when it is interrupted", async () => {
    const exit = await Effect.runPromise(Effect.exit(Effect.timeoutOption(TextFile.read(pipe("silent")), "20 millis")))
    expect(Exit.isSuccess(exit) && exit.value._tag).toBe("None")
  })

  it("takes no file thread: any number may wait while files are read", async () => {
    const silent = Array.from({ length: 16 }, (_, i) => pipe(`silent-${i}`))
    const program = Effect.gen(function* () {
      const waiting = yield* Effect.forkChild(parallelMap(silent, (path) => TextFile.read(path), { concurrency: 16 }))
      yield* Effect.yieldNow
      const { text } = yield* TextFile.read(file("meanwhile.txt", "read meanwhile"))
      yield* Fiber.interrupt(waiting)
      return text
    })
    expect(await Effect.runPromise(program)).toBe("read meanwhile")
  })

  it("refuses data and too much text from a pipe as it does from a file", async () => {
    const data = pipe("data")
    const long = pipe("long")
    const reasons = [reason(data), reason(long, { maxBytes: 3 })]
    for (const [path, content] of [
      [data, "a\0b"],
      [long, "0123456789"]
    ] as const) {
      // The reader may hang up before everything is written.
      createWriteStream(path)
        .on("error", () => {})
        .end(content)
    }
    expect(await Promise.all(reasons)).toEqual(["Binary", "TooLarge"])
  })
})

describe("TextFile.read: descriptors", () => {
  it("leaves none open, whether it succeeds, fails or is interrupted", async () => {
    const paths = [file("fine.txt", "fine"), process.execPath, dir, join(dir, "nothing"), pipe("mute")]
    const before = openDescriptors()
    // Nobody writes into the pipe, so its reader is stopped when the others have ended.
    const round = Effect.suspend(() => {
      const stop = new AbortController()
      let ended = 0
      const onOutcome = (): void => void (++ended === paths.length - 1 && stop.abort())
      return parallelMap(paths, (path) => TextFile.read(path), { stop: stop.signal, onOutcome })
    })
    const results = await Effect.runPromise(Effect.replicateEffect(round, 5))
    expect(results.map((result) => result.outcomes.map(({ status }) => status).join(" "))).toEqual(
      Array.from({ length: 5 }, () => "completed failed failed failed cancelled")
    )
    expect(openDescriptors()).toBe(before)
  })

  it("leaves none open wherever in the read it is interrupted", async () => {
    const path = file("chunks.txt", "x".repeat(3_000_000))
    const before = openDescriptors()
    let interrupted = 0
    let completed = 0
    // Each round interrupts one turn of the event loop later, until a round is over before that.
    for (let turns = 0; completed === 0; turns++) {
      const program = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(TextFile.read(path))
        for (let i = 0; i < turns; i++) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        yield* Fiber.interrupt(fiber)
        return yield* Fiber.await(fiber)
      })
      if (Exit.isSuccess(await Effect.runPromise(program))) completed++
      else interrupted++
      expect(openDescriptors()).toBe(before)
    }
    expect(interrupted).toBeGreaterThan(2)
  })
})
