/** What a process says to the helper that spawns for it, and what it hears: lines of JSON on one socket, and a socket for each stream that starts with a header. */
import { Buffer } from "node:buffer"
import type { Input, Output } from "./starter.ts"

/** The descriptor of the helper's end. */
export const controlFd = 3

/** What the helper is told as its only argument. */
export interface Config {
  /** Where the sockets of streams are connected to. */
  readonly address: string
  /** What every such socket starts with, in hexadecimal digits: nobody else knows it. */
  readonly secret: string
}

/** A start. */
export interface Request {
  readonly id: number
  readonly program: string
  readonly args: ReadonlyArray<string>
  readonly directory: string
  readonly env: Readonly<Record<string, string>>
  readonly umask: number
  readonly stdio: readonly [stdin: Input, stdout: Output, stderr: Output]
}

export type Reply =
  | { readonly id: number; readonly pid: number }
  | {
      readonly id: number
      readonly of: "program" | "stdin" | "stdout" | "stderr" | "starter"
      readonly code: string
      readonly message: string
    }
  | { readonly id: number; readonly exitCode: number | null; readonly signal: NodeJS.Signals | null }

const secretBytes = 16

export const headerBytes = secretBytes + 5

/** Says whose stream a socket is: of which start, and 0, 1 or 2. */
export const header = (secret: string, id: number, stream: number): Buffer => {
  const bytes = Buffer.alloc(headerBytes)
  bytes.write(secret, "hex")
  bytes.writeUInt32LE(id, secretBytes)
  bytes[secretBytes + 4] = stream
  return bytes
}

export const readHeader = (bytes: Buffer): { readonly secret: string; readonly id: number; readonly stream: number } => ({
  secret: bytes.toString("hex", 0, secretBytes),
  id: bytes.readUInt32LE(secretBytes),
  stream: bytes[secretBytes + 4]!
})

/** Cuts what comes into lines, and reads them. */
export const lines = <A>(receive: (message: A) => void): ((text: string) => void) => {
  let rest: Array<string> = []
  return (text) => {
    const end = text.lastIndexOf("\n")
    if (end < 0) return void rest.push(text)
    const whole = rest.join("") + text.slice(0, end)
    rest = end + 1 < text.length ? [text.slice(end + 1)] : []
    for (const line of whole.split("\n")) receive(JSON.parse(line) as A)
  }
}
