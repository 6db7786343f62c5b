/** One of the streams of a run: its last bytes in memory, and all of them in a file where the engine has a directory. */
import type * as OutputFile from "@skein/node/OutputFile"
import * as Effect from "effect/Effect"
import { Tail, textOf } from "./tail.ts"

const encoder = new TextEncoder()

export const names = ["stdout", "stderr", "log"] as const
export type Name = (typeof names)[number]

export class Channel implements OutputFile.Target {
  readonly #tail: Tail
  readonly #file: OutputFile.OutputFile | undefined
  #taken = 0
  /** How much the file held before. */
  #before: number | undefined
  #closed = false

  constructor(tail: number, file: OutputFile.OutputFile | undefined) {
    this.#tail = new Tail(tail)
    this.#file = file
  }

  get size(): number {
    return (this.#before ?? 0) + this.#taken
  }

  /** How much memory its tail takes. */
  get kept(): number {
    return this.#tail.length
  }

  get text(): string {
    return textOf(this.#tail.bytes, this.size > this.#tail.length)
  }

  get path(): string | undefined {
    return this.#taken > 0 ? this.#file?.path : undefined
  }

  get failure(): OutputFile.OutputFileError | undefined {
    return this.#file?.failure
  }

  take(data: string | Uint8Array): boolean {
    const bytes = this.#add(data)
    const hasRoom = this.#file?.take(bytes) ?? true
    this.#look()
    return hasRoom
  }

  push(data: string | Uint8Array): void {
    const bytes = this.#add(data)
    this.#file?.push(bytes)
    this.#look()
  }

  write(data: string | Uint8Array): Effect.Effect<void> {
    // A text of nothing waits for room.
    return Effect.suspend(() => (this.take(data) ? Effect.void : this.#file!.write("")))
  }

  onRoom(listener: () => void): void {
    this.#file!.onRoom(listener)
  }

  get flush(): Effect.Effect<void, OutputFile.OutputFileError> {
    return this.#file === undefined ? Effect.void : this.#file.flush
  }

  /** Takes nothing from now on; gives what is left to be done. */
  close(): Effect.Effect<void> | undefined {
    this.#closed = true
    return this.#file?.close
  }

  #add(data: string | Uint8Array): Uint8Array {
    if (this.#closed) return nothing
    const bytes = typeof data === "string" ? encoder.encode(data) : data
    this.#taken += bytes.length
    this.#tail.add(bytes)
    return bytes
  }

  /** The file was opened for the first bytes. */
  #look(): void {
    if (this.#taken > 0) this.#before ??= this.#file === undefined || this.failure !== undefined ? 0 : this.#file.size - this.#taken
  }
}

const nothing = new Uint8Array(0)
