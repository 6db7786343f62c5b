/** Keeps the last that an app wrote, and looks for the line that says that it is ready. */
import type { Buffer } from "node:buffer"
import type { Readable } from "node:stream"
import { StringDecoder } from "node:string_decoder"
import { Capture } from "../command/capture.ts"

const keptBytes = 64 * 1024
const tailBytes = 4 * 1024

/** A line may be longer, but then only so much of its end is looked at, in characters. */
const longestLine = 64 * 1024

export class Output {
  /** What the line that was looked for says. */
  match: RegExpExecArray | undefined
  /** Calls when something was written. */
  onOutput: () => void = () => {}
  readonly #line: RegExp | undefined
  readonly #stdout: Capture
  readonly #stderr: Capture

  constructor(stdout: Readable | undefined, stderr: Readable | undefined, line: RegExp | undefined) {
    this.#line = line
    this.#stdout = this.#read(stdout)
    this.#stderr = this.#read(stderr)
  }

  get kept(): { readonly stdout: string; readonly stderr: string } {
    return { stdout: this.#stdout.bytes.toString(), stderr: this.#stderr.bytes.toString() }
  }

  get tails(): { readonly stdout: string; readonly stderr: string } {
    return { stdout: endOf(this.#stdout.bytes), stderr: endOf(this.#stderr.bytes) }
  }

  /** Everything that will come has come. */
  get ended(): boolean {
    return this.#stdout.ended && this.#stderr.ended
  }

  set onEnd(listener: () => void) {
    this.#stdout.onEnd = listener
    this.#stderr.onEnd = listener
  }

  #read(stream: Readable | undefined): Capture {
    const capture = new Capture(stream ?? null, keptBytes, "tail")
    if (stream === undefined) return capture
    const decoder = new StringDecoder("utf8")
    let rest = ""
    const look = (text: string): void => {
      if (this.#line === undefined || this.match !== undefined) return
      const lines = (rest + text).split(/\r?\n/)
      rest = lines.pop()!.slice(-longestLine)
      for (const line of lines) this.match ??= this.#line.exec(line) ?? undefined
    }
    stream.on("data", (piece: Buffer) => {
      look(decoder.write(piece))
      this.onOutput()
    })
    stream.on("end", () => {
      look(`${decoder.end()}\n`)
      this.onOutput()
    })
    return capture
  }
}

const endOf = (bytes: Buffer): string => bytes.subarray(-tailBytes).toString()
