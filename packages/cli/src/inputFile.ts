/** Opens what a user named as input: a file, a pipe, a device, standard input. */
import * as fs from "node:fs"
import { Socket } from "node:net"
import type { Readable } from "node:stream"
import { isatty, ReadStream } from "node:tty"
import { promisify } from "node:util"
import { inputError } from "./lines.ts"

const openFile = promisify(fs.open)
const statFile = promisify(fs.fstat)
const closeFile = promisify(fs.close)

// A named pipe without a writer would block one of Node's four file threads; so would reading from a silent one.
const flags = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0)

const open = async (name: string): Promise<Readable> => {
  const fd = await openFile(name, flags)
  try {
    const stat = await statFile(fd)
    if (stat.isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" })
    if (stat.isFIFO()) return new Socket({ fd, readable: true, writable: false })
    if (isatty(fd)) return new ReadStream(fd)
  } catch (error) {
    await closeFile(fd)
    throw error
  }
  return fs.createReadStream("", { fd, highWaterMark: 256 * 1024 })
}

/** The standard input of this process. Node shows a directory there as an empty stream. */
export const standardInput = (): Readable => {
  if (fs.fstatSync(0).isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" })
  return process.stdin
}

const words: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "it may not be read by this user",
  EPERM: "it may not be read by this user",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is no directory",
  EMFILE: "too many files are open",
  ENXIO: "it is a socket, which cannot be opened by name"
}

/** The bytes of a file, or of standard input for `-`. The descriptor is closed when the iteration ends. An abort ends it like the end of the file. */
export async function* read(name: string, stdin: () => Readable, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const aborted = () => signal?.aborted === true
  if (aborted()) return
  let stream: Readable | undefined
  const abort = () => void stream?.destroy()
  signal?.addEventListener("abort", abort)
  try {
    stream = name === "-" ? stdin() : await open(name)
    if (aborted()) return
    for await (const piece of stream) yield typeof piece === "string" ? Buffer.from(piece) : piece
  } catch (error) {
    // A destroyed stream says that it was closed too early, which was the intention.
    if (aborted()) return
    const code = (error as NodeJS.ErrnoException).code
    throw inputError("unreadable", (code === undefined ? undefined : words[code]) ?? (error as Error).message, name)
  } finally {
    signal?.removeEventListener("abort", abort)
    stream?.destroy()
    // Whoever was told that the iteration is over finds no descriptor open. Standard input is not ours.
    const opened = name === "-" ? undefined : stream
    if (opened?.closed === false) await new Promise<void>((resolve) => void opened.once("close", resolve))
  }
}
