/** Writes a program's input, as fast as it is read. */
import type { Writable } from "node:stream"
import type { Stdin } from "./options.ts"

export interface Feed {
  /** The program has ended, or is to: nothing more is asked for. Resolves when the source has been told. */
  readonly end: () => Promise<void>
}

const nothing: Feed = { end: () => Promise.resolve() }

/** How long a source has to end, in milliseconds: one that waits for something hears of it only afterwards. */
const patience = 1_000

/** `onFailure` is called if the source fails. That the program does not read to the end is its own affair. */
export const feed = (stdin: Writable | null, from: Stdin, onFailure: (cause: unknown) => void): Feed => {
  if (stdin === null) return nothing
  if (typeof from === "string" || "file" in from) {
    stdin.end()
    return nothing
  }
  if ("text" in from || "bytes" in from) {
    stdin.end("text" in from ? from.text : from.bytes)
    return nothing
  }
  let over = false
  let finished = false
  let source: AsyncIterator<string | Uint8Array> | Iterator<string | Uint8Array> | undefined
  const pump = async (): Promise<void> => {
    try {
      source = Symbol.asyncIterator in from.chunks ? from.chunks[Symbol.asyncIterator]() : from.chunks[Symbol.iterator]()
      for (;;) {
        const next = await source.next()
        if (next.done === true) finished = true
        if (over) return
        if (next.done === true) return void stdin.end()
        if (!stdin.write(next.value)) await drained(stdin)
        if (over) return
      }
    } catch (cause) {
      finished = true
      if (!over) onFailure(cause)
    }
  }
  const pumping = pump()
  let leaving: Promise<void> | undefined
  const tell = async (): Promise<void> => {
    over = true
    if (finished) return
    try {
      await source?.return?.()
      await pumping
    } catch {
      // It was asked to end, and how it does so concerns nobody any more.
    }
  }
  const leave = (): Promise<void> => (leaving ??= tell())
  // A program that has closed its input wants no more of the source.
  stdin.once("close", leave)
  return {
    end: () => {
      const left = leave()
      stdin.destroy()
      if (finished) return left
      let timer: NodeJS.Timeout
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, patience)))
      return Promise.race([left, late]).finally(() => clearTimeout(timer))
    }
  }
}

const drained = (stdin: Writable): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      stdin.off("drain", done)
      stdin.off("close", done)
      resolve()
    }
    stdin.on("drain", done)
    stdin.on("close", done)
  })
