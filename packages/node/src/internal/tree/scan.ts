/**
 * Finds the processes that carry a tag in their environment, by reading `/proc`.
 *
 * One scan serves all who ask while it has not begun, so that a hundred trees that end at once cost a scan or two. It reads synchronously, in slices of two milliseconds, between which the event loop turns: that is several times
 * faster than asking Node's file threads, and nobody waits for it for long.
 */
import * as fs from "node:fs"

/** What is done with a process that was found: at once, so that its number cannot have passed to another. `meanwhile`: it was not there yet when the scan began. */
type Act = (pid: number, born: "before" | "meanwhile") => void

/** A process, told from one that gets the same number later. */
export interface Mortal {
  readonly pid: number
  /** When it was started, in the kernel's own counting. */
  readonly since: string
}

interface Request {
  readonly branch: number
  readonly group: number | undefined
  readonly act: Act
  readonly leaves: (mortal: Mortal) => void
  readonly done: (found: number) => void
  found: number
}

/** Whether processes can be found here by what is in their environment. */
export const available = fs.existsSync("/proc/self/environ")

const slice = 2 // ms

/** How often it looks for who was born, or became another program, while it was looking, at most. */
const rounds = 200

export class Scanner {
  readonly #prefix: string
  #waiting: Array<Request> = []
  #scanning = false
  /** The threads of the kernel, as of the last scan: there are many, and each scan would have to ask again. */
  #kernel: ReadonlySet<string> = new Set()

  /** A tag reads `prefix`, the number of the branch, and a full stop. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /**
   * Calls `act` with each process of the branch, once, and `done` with how many there were. Whoever is ending has no environment any more; `leaves` hears of those among them that belong to the process group `group`, or to the session
   * of that number.
   */
  find(branch: number, group: number | undefined, act: Act, leaves: (mortal: Mortal) => void, done: (found: number) => void): void {
    this.#waiting.push({ branch, group, act, leaves, done, found: 0 })
    if (this.#scanning) return
    this.#scanning = true
    setImmediate(this.#scan)
  }

  readonly #scan = (): void => {
    const requests = new Map<number, Array<Request>>()
    for (const request of this.#waiting) {
      const others = requests.get(request.branch)
      if (others === undefined) requests.set(request.branch, [request])
      else others.push(request)
    }
    const grouped = this.#waiting.filter(({ group }) => group !== undefined)
    this.#waiting = []
    const seen = new Set<string>()
    const kernel = new Set<string>()
    /** Those without an environment: kernel threads, zombies, and whoever is just becoming another program. */
    let blank: Array<string> = []
    let names = processes()
    const before: ReadonlySet<string> = new Set(names)
    let at = 0
    let round = 1

    const read = (name: string): void => {
      const carried = branchesIn(name, this.#prefix)
      if (carried === undefined) blank.push(name)
      else {
        for (const branch of carried) {
          for (const request of requests.get(branch) ?? []) {
            request.found++
            request.act(Number(name), before.has(name) ? "before" : "meanwhile")
          }
        }
      }
    }
    const step = (): void => {
      const until = performance.now() + slice
      while (at < names.length) {
        const name = names[at++]!
        seen.add(name)
        read(name)
        if (performance.now() > until) return void setImmediate(step)
      }
      // In the middle of an exec a process has no environment.
      const becoming = blank.filter((name) => {
        const stat = this.#kernel.has(name) ? "kernel" : statOf(name)
        if (stat === undefined) return false
        if (stat === "kernel" || isOfKernel(stat)) {
          kernel.add(name)
          return false
        }
        if (!isLeaving(stat)) return isBecoming(stat)
        for (const request of grouped) {
          if (stat[groupAt] === String(request.group) || stat[sessionAt] === String(request.group))
            request.leaves({ pid: Number(name), since: stat[startAt]! })
        }
        return false
      })
      blank = []
      at = 0
      // A process that forks and ends before it is reached has a child that the list did not hold. Listed now, when those that showed no environment have been told apart: who is ending by then forks no more.
      names = processes().filter((name) => !seen.has(name))
      if (round++ < rounds && names.length + becoming.length > 0) {
        if (names.length > 0) setImmediate(step)
        else setTimeout(step, 1)
        names.push(...becoming)
        return
      }
      this.#kernel = kernel
      this.#scanning = this.#waiting.length > 0
      if (this.#scanning) setImmediate(this.#scan)
      for (const group of requests.values()) for (const request of group) request.done(request.found)
    }
    step()
  }
}

const processes = (): Array<string> => {
  try {
    return fs.readdirSync("/proc").filter((name) => name.charCodeAt(0) <= 57)
  } catch {
    return []
  }
}

let buffer: Buffer | undefined
const nothing: ReadonlyArray<number> = []

/** The branches whose tags a process carries; `undefined` if it has no environment at the moment. Who belongs to another user, or is gone, carries none. */
const branchesIn = (name: string, prefix: string): ReadonlyArray<number> | undefined => {
  let fd: number
  try {
    fd = fs.openSync(`/proc/${name}/environ`, "r")
  } catch (error) {
    // Newer kernels say in this way that there is none.
    return (error as NodeJS.ErrnoException).code === "ESRCH" ? undefined : nothing
  }
  buffer ??= Buffer.allocUnsafeSlow(64 * 1024)
  let found: Array<number> | undefined
  let length = 0
  let total = 0
  try {
    for (;;) {
      const got = fs.readSync(fd, buffer, length, buffer.length - length, null)
      if (got === 0) break
      total += got
      length += got
      found = collect(buffer.subarray(0, length), prefix, found)
      if (length < buffer.length) continue
      // A long environment comes in pieces; the end of this one may be the first part of a tag.
      const keep = prefix.length + 20
      buffer.copyWithin(0, length - keep, length)
      length = keep
    }
  } catch {
    // It ended while it was read.
  } finally {
    fs.closeSync(fd)
  }
  return total === 0 ? undefined : (found ?? nothing)
}

const collect = (bytes: Buffer, prefix: string, found: Array<number> | undefined): Array<number> | undefined => {
  for (let at = bytes.indexOf(prefix, 0, "latin1"); at >= 0; at = bytes.indexOf(prefix, at + prefix.length, "latin1")) {
    let branch = 0
    let end = at + prefix.length
    for (let digit = bytes[end]; digit !== undefined && digit >= 48 && digit <= 57; digit = bytes[++end]) branch = branch * 10 + digit - 48
    if (bytes[end] !== 46) continue
    found ??= []
    if (!found.includes(branch)) found.push(branch)
  }
  return found
}

/** What the kernel says of a process after its name, which may hold anything: its state, parent, group and so on. */
const statOf = (pid: string): ReadonlyArray<string> | undefined => {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  } catch {
    return undefined
  }
}

const kernelThread = 0x200000
const exiting = 0x4
const stateAt = 0
const groupAt = 2
const sessionAt = 3
const flagsAt = 6
const threadsAt = 17
const startAt = 19
const environmentAt = 47
const environmentEndAt = 48

const isOfKernel = (stat: ReadonlyArray<string>): boolean => (Number(stat[flagsAt]) & kernelThread) !== 0

/** Its first thread has ended; it is a zombie when the others have, too. */
const isZombie = (stat: ReadonlyArray<string>): boolean => stat[stateAt] === "Z" || stat[stateAt] === "X"

/**
 * Whether a process that showed no environment must be asked again: it lives, and has no place for an environment yet, for it is in the middle of an exec; or it has one by now. An environment that is empty has a
 * place that is empty.
 */
const isBecoming = (stat: ReadonlyArray<string>): boolean =>
  !isZombie(stat) && (stat[environmentEndAt] === "0" || stat[environmentEndAt] !== stat[environmentAt])

/** Whether a process is ending and may not have closed its files yet: it gives up its memory first, and each of its threads that is left holds them. A zombie has closed them. */
const isLeaving = (stat: ReadonlyArray<string>): boolean =>
  isZombie(stat) ? stat[stateAt] === "Z" && Number(stat[threadsAt]) > 1 : (Number(stat[flagsAt]) & exiting) !== 0

/** The process that has a number now. */
export const mortalOf = (pid: number): Mortal | undefined => {
  const since = statOf(String(pid))?.[startAt]
  return since === undefined ? undefined : { pid, since }
}

/** What there is of a process: it runs; it is ending, with its files perhaps still open; it is gone, or a zombie. */
export const stateOf = ({ pid, since }: Mortal): "runs" | "leaves" | "gone" => {
  const stat = statOf(String(pid))
  if (stat === undefined || stat[startAt] !== since) return "gone"
  return isLeaving(stat) ? "leaves" : isZombie(stat) ? "gone" : "runs"
}

/** The process group of a process, or `undefined` if it is gone. */
export const groupOf = (pid: number): number | undefined => {
  const group = statOf(String(pid))?.[groupAt]
  return group === undefined ? undefined : Number(group)
}
