/**
 * Ends what worker processes leave behind: their descendants when they have ended, and they themselves when this process has ended without doing so, however it ended.
 *
 * One `sh` for a pool: it is told the process groups of the workers and waits on a pipe that closes with this process. Then it kills the groups, and whoever else carries the pool's tag in its environment. A worker that
 * has ended leaves its group to the pool; who has left that group, and carries the worker's tag, is killed here.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import type { Socket } from "node:net"

const script = `
trap '' INT TERM HUP
sweep() {
  for round in 1 2 3 4 5; do
    found=
    for e in $(grep -alsF -e "$1" /proc/[0-9]*/environ); do
      p=\${e#/proc/}
      kill -s KILL "\${p%/environ}" 2>/dev/null && found=1
    done
    [ -n "$found" ] || break
  done
}
groups=' '
while read -r what group number; do
  case $what in
    add) groups="$groups$group " ;;
    remove)
      rest=' '; for g in $groups; do [ "$g" = "$group" ] || rest="$rest$g "; done; groups=$rest
      sweep "$1.$number." ;;
    quit) exit 0 ;;
  esac
done
for g in $groups; do kill -s KILL -- "-$g" 2>/dev/null; done
sweep "$1."
`

/** The variable of the environment that holds the tags of a process: one for each pool around it, so that pools inside workers are found by those outside. */
const variable = "SKEIN_POOL"

/** How long its last sweep is waited for, in milliseconds: it takes some tens. */
const sweepTime = 5_000

/** One worker, as the watchdog knows it. */
interface Watched {
  /** A variable of the environment, and its value, that the worker and all its descendants have. */
  readonly tag: readonly [name: string, value: string]
  /** It has started, and leads this process group. */
  readonly add: (group: number) => void
  /** It has ended. */
  readonly remove: (group: number) => void
}

export interface Watchdog {
  readonly watch: () => Watched
  /** No worker is left; resolves when what the last ones left behind has been killed too. */
  readonly quit: () => Promise<void>
}

/** Starts with the first worker. Where there is no `sh`, workers end when their pipe closes, unless they are busy. */
export const make = (): Watchdog => {
  const pool = randomUUID()
  const outer = process.env[variable]
  let workers = 0
  let sh: ChildProcess | undefined
  const tell = (line: string): void => void (sh?.stdin as Socket | null | undefined)?.write(`${line}\n`)
  const start = (): void => {
    sh = spawn("/bin/sh", ["-c", script, "skein-watchdog", pool], { stdio: ["pipe", "ignore", "ignore"], detached: true })
    sh.on("error", () => {})
    sh.stdin!.on("error", () => {})
    sh.unref()
    ;(sh.stdin as Socket).unref()
  }
  return {
    watch: () => {
      const number = ++workers
      const own = `${pool}.${number}.`
      return {
        tag: [variable, outer === undefined ? own : `${outer},${own}`],
        add: (group) => {
          if (sh === undefined) start()
          tell(`add ${group}`)
        },
        remove: (group) => tell(`remove ${group} ${number}`)
      }
    },
    quit: () =>
      new Promise((resolve) => {
        if (sh === undefined || sh.exitCode !== null || sh.signalCode !== null || sh.pid === undefined) return resolve()
        const late = setTimeout(resolve, sweepTime)
        sh.once("close", () => {
          clearTimeout(late)
          resolve()
        })
        tell("quit")
      })
  }
}
