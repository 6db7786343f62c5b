/**
 * Ends branches of processes when this process is gone, however it ended.
 *
 * One `sh` for a tree of processes. It waits on a pipe that closes with this process, and then kills every branch that stands on the board: a file without a name, in which a branch has a line from before its first process starts until
 * it was released or killed. A line is written with one call of the system that needs nobody to read it, so it outlives a SIGKILL, and the watchdog sleeps until it is needed.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import type { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

// It has a session of its own, where no terminal's Ctrl-C arrives. Three rounds must find nobody: who was about to be started when this process ended has its tag a moment later.
const script = `
trap '' INT TERM HUP QUIT PIPE TSTP USR1 USR2
read -r _
tree=$1 groups=
set --
for branch in $(cat <&3); do
  set -- "$@" -e "$tree\${branch%%:*}."
  groups="$groups \${branch#*:}"
done
exec 3<&-
[ $# -gt 0 ] || exit 0
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
quiet=0 round=0
while [ $quiet -lt 3 ] && [ $round -lt 300 ]; do
  quiet=$((quiet + 1)) round=$((round + 1))
  for file in $(grep -alsF "$@" /proc/[0-9]*/environ); do
    process=\${file#/proc/}
    kill -s KILL "\${process%/environ}" 2>/dev/null && quiet=0
  done
  sleep 0.03
done
`

const lineBytes = 32
const firstLines = 128

/** How long its end is waited for, in milliseconds: it has nothing to do but to end. */
const endTime = 5_000

/** Node's timers take no more: in milliseconds. */
const longestTimer = 2 ** 31 - 1

/** A branch's line on the board. */
export interface Line {
  /** The process group that is killed, too: it holds those whose environment cannot be read. */
  readonly lead: (group: number) => void
  readonly wipe: () => void
}

/** Where nothing can be written there is no board, and so no watchdog. */
const nowhere: Line = { lead: () => {}, wipe: () => {} }

export class Watchdog {
  readonly #prefix: string
  /** How long it stays when the last line was wiped, in milliseconds. */
  readonly #idle: number
  readonly #free: Array<number> = []
  readonly #text = Buffer.alloc(lineBytes)
  #lines = 0
  #used = 0
  #board: number | undefined
  #sh: ChildProcess | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(prefix: string, idle: number) {
    this.#prefix = prefix
    this.#idle = idle
  }

  /** On the board when it returns. */
  write(branch: number): Line {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#board ??= openBoard()
    if (this.#board === undefined) return nowhere
    const board = this.#board
    const line = this.#free.pop() ?? this.#lines++
    this.#used++
    this.#put(board, line, `${branch}:`)
    if (this.#sh === undefined) this.#start(board)
    let wiped = false
    return {
      lead: (group) => {
        if (!wiped) this.#put(board, line, `${branch}:${group}`)
      },
      wipe: () => {
        if (wiped) return
        wiped = true
        this.#put(board, line, "")
        this.#free.push(line)
        if (--this.#used > 0 || this.#idle > longestTimer) return
        this.#timer = setTimeout(() => void this.end(), this.#idle)
        this.#timer.unref()
      }
    }
  }

  /** Resolves when the watchdog is gone. The next line starts another. */
  end(): Promise<void> {
    clearTimeout(this.#timer)
    const sh = this.#sh
    if (this.#board !== undefined) fs.closeSync(this.#board)
    this.#board = undefined
    this.#sh = undefined
    this.#free.length = 0
    this.#lines = 0
    if (sh === undefined || sh.pid === undefined || sh.exitCode !== null || sh.signalCode !== null) return Promise.resolve()
    return new Promise((resolve) => {
      const late = setTimeout(resolve, endTime)
      sh.once("exit", () => {
        clearTimeout(late)
        resolve()
      })
      sh.ref()
      sh.stdin!.end()
    })
  }

  #start(board: number): void {
    try {
      const sh = spawn("/bin/sh", ["-c", script, "skein-watchdog", this.#prefix], {
        stdio: ["pipe", "ignore", "ignore", board],
        detached: true,
        cwd: "/"
      })
      sh.on("error", () => {})
      if (sh.pid === undefined) return
      this.#sh = sh
      sh.stdin!.on("error", () => {})
      sh.once("exit", () => {
        // Somebody killed it. Whoever is on the board gets another.
        if (this.#sh !== sh) return
        this.#sh = undefined
        if (this.#board !== undefined && this.#used > 0) this.#start(this.#board)
      })
      sh.unref()
      ;(sh.stdin as Socket).unref()
    } catch {
      // The system has no room for it now; the next branch tries again.
    }
  }

  #put(board: number, line: number, text: string): void {
    this.#text.fill(" ")
    this.#text.write(text, "latin1")
    this.#text[lineBytes - 1] = 10
    try {
      fs.writeSync(board, this.#text, 0, lineBytes, line * lineBytes)
    } catch {
      // A full disk, or a board that was closed with its tree.
    }
  }
}

/** A file without a name, which ends with its last descriptor; in memory where that is possible. */
const openBoard = (): number | undefined => {
  for (const directory of ["/dev/shm", tmpdir()]) {
    for (const open of [openUnnamed, openAndRemove]) {
      try {
        const fd = open(directory)
        // Written, not only made longer, so that a disk that fills up later does not lose a line.
        // At a place of its own: the watchdog reads from where the descriptor stands, which is the start.
        fs.writeSync(fd, Buffer.alloc(lineBytes * firstLines, "\n"), 0, lineBytes * firstLines, 0)
        return fd
      } catch {
        // The next one.
      }
    }
  }
  return undefined
}

const openUnnamed = (directory: string): number => {
  // Linux's O_TMPFILE, which Node has no name for.
  if (process.platform !== "linux") throw new Error("not here")
  return fs.openSync(directory, fs.constants.O_RDWR | fs.constants.O_DIRECTORY | 0o20000000, 0o600)
}

const openAndRemove = (directory: string): number => {
  const path = join(directory, `skein-${randomUUID()}`)
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL, 0o600)
  fs.rmSync(path)
  return fd
}
