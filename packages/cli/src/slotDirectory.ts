/** The private directory of the slots' files: it goes with its scope, and also when this process ends in any other way. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import type { Socket } from "node:net"
import * as path from "node:path"

/** Waits on a pipe that closes with this process, then removes the directory; jobs that are just being killed may still be writing to it. */
const cleaner = `
trap '' HUP INT TERM
read -r word
for round in 1 2 3 4 5 6 7 8 9 10; do
  [ -d "$1" ] || exit 0
  rm -rf -- "$1"
  sleep 0.1
done
`

export interface Directory {
  /** Makes it with the first call. Throws the system's error. */
  readonly path: () => string
}

interface Made {
  readonly directory: string
  readonly child: ChildProcess
}

const create = (parent: string): Made => {
  const directory = fs.mkdtempSync(path.join(parent, "skein-"))
  const child = spawn("/bin/sh", ["-c", cleaner, "skein-cleaner", directory], { stdio: ["pipe", "ignore", "ignore"], detached: true })
  child.on("error", () => {})
  child.stdin?.on("error", () => {})
  child.unref()
  ;(child.stdin as Socket | null)?.unref()
  return { directory, child }
}

const remove = ({ child, directory }: Made): Effect.Effect<void> =>
  Effect.callback((resume) => {
    try {
      fs.rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
    } catch {
      // The cleaner tries again.
    }
    const gone = (): void => resume(Effect.void)
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return gone()
    child.ref()
    child.once("exit", gone)
    child.stdin!.destroy()
  })

export const make = (parent: string): Effect.Effect<Directory, never, Scope.Scope> =>
  Effect.suspend(() => {
    let made: Made | undefined
    return Effect.acquireRelease(Effect.succeed({ path: () => (made ??= create(parent)).directory }), () =>
      made === undefined ? Effect.void : remove(made)
    )
  })

/** So little room that a program's output may have been cut off, in bytes. */
const scarce = 64 * 1024

/** Whether the file system of this path is full. A program that could not write need not say so. */
export const isFull = (where: string): boolean => {
  try {
    const { bavail, bfree, bsize } = fs.statfsSync(where)
    return (process.getuid?.() === 0 ? bfree : bavail) * bsize < scarce
  } catch {
    return false
  }
}
