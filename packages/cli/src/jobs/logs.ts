/** `skein jobs logs`: what a job has written, and on request what it writes. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import { UsageError } from "../flags.ts"
import type { Read } from "../sizes.ts"
import * as board from "./board.ts"
import type { Desk, Handler } from "./desk.ts"
import { named } from "./find.ts"
import * as outputFiles from "./outputFiles.ts"
import { given } from "./reading.ts"
import { why } from "./words.ts"

const lines = (text: string): Read<number> =>
  /^\d{1,15}$/.test(text) ? Result.succeed(Number(text)) : Result.fail(`must be a whole number such as 20, got ${JSON.stringify(text)}`)

/** How often the files are looked at while they grow. */
const every = "100 millis"

export const logs: Handler = (desk) =>
  Effect.gen(function* () {
    const { path, say, store, values } = desk
    const tail = yield* given(() => values.read("tail", lines))
    const [entry, ...more] = yield* named(desk)
    if (more.length > 0) return yield* new UsageError({ message: "one job at a time; their lines could not be told apart" })
    const { id } = entry!.run
    const stream = values.word("stream", "both" as "both" | outputFiles.Channel)
    const wanted = stream === "both" ? (["stdout", "stderr"] as const) : [stream]
    const files = wanted.map(
      (channel) =>
        new Growing(join(outputFiles.folderOf(path, id), outputFiles.channels[channel]), channel === "stdout" ? "stdout" : "stderr")
    )
    yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(files.map((file) => file.close()))))
    if (tail !== undefined) for (const file of files) yield* reading(() => file.skipTo(tail))
    let written = yield* copy(desk, files)
    if (!values.has("follow")) {
      if (written === 0) yield* say(`${id} has written nothing${isOver(entry!) ? "" : ` yet: it is ${entry!.state}`}`)
      return 0
    }
    let told = false
    for (;;) {
      const now = yield* board.get(store, id)
      // What it wrote last is there before its end is.
      written += yield* copy(desk, files)
      if (now === undefined || isOver(now)) break
      if (!told && now.state === "waiting" && !(yield* store.isOwned)) {
        told = true
        yield* say(`no engine works on ${store.name}; skein jobs work runs what waits there`)
      }
      yield* Effect.sleep(every)
    }
    const end = yield* board.get(store, id)
    if (end !== undefined && end.state !== "completed") yield* say(`${id} ${end.state}: ${why(end, () => true)}`)
    return 0
  })

const isOver = ({ run, state }: board.Entry): boolean => run.endedAt !== undefined || state === "refused"

const copy = (desk: Desk, files: ReadonlyArray<Growing>) =>
  Effect.gen(function* () {
    let bytes = 0
    for (const file of files) {
      for (;;) {
        const piece = yield* reading(() => file.read())
        if (piece.length === 0) break
        bytes += piece.length
        yield* desk.write(file.to, piece)
      }
    }
    return bytes
  })

/** What was written cannot be read. */
class Unreadable extends Data.TaggedError("Unreadable")<{ readonly message: string }> {}

const reading = <A>(read: () => Promise<A>): Effect.Effect<A, Unreadable> =>
  Effect.tryPromise({ try: read, catch: (error) => new Unreadable({ message: (error as Error).message }) })

const size = 64 * 1024

/** A file that may come to be, and that somebody writes to. */
class Growing {
  readonly to: "stdout" | "stderr"
  private readonly path: string
  private handle: fs.FileHandle | undefined
  private at = 0

  constructor(path: string, to: "stdout" | "stderr") {
    this.path = path
    this.to = to
  }

  /** What was written since; nothing at its end, or while it is not there. */
  async read(): Promise<Uint8Array> {
    const handle = await this.open()
    if (handle === undefined) return new Uint8Array()
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(size), 0, size, this.at)
    this.at += bytesRead
    return buffer.subarray(0, bytesRead)
  }

  /** Goes to where so many lines are left. */
  async skipTo(count: number): Promise<void> {
    const handle = await this.open()
    if (handle === undefined) return
    const { size: end } = await handle.stat()
    this.at = end
    if (count === 0) return
    let left = count
    // A newline at the very end ends the last line, and begins none.
    for (let to = end; to > 0; to -= size) {
      const from = Math.max(0, to - size)
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(to - from), 0, to - from, from)
      for (let i = bytesRead - 1; i >= 0; i--) {
        if (buffer[i] !== 10 || from + i === end - 1) continue
        left--
        if (left > 0) continue
        this.at = from + i + 1
        return
      }
    }
    this.at = 0
  }

  async close(): Promise<void> {
    await this.handle?.close()
    this.handle = undefined
  }

  private async open(): Promise<fs.FileHandle | undefined> {
    try {
      this.handle ??= await fs.open(this.path, "r")
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
    }
    return this.handle
  }
}
