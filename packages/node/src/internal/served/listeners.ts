/** Finds out who listens on this machine, from `/proc`. Looks synchronously, and only when there is something to find. */
import * as fs from "node:fs"
import { isIPv6 } from "node:net"
import { endianness } from "node:os"

/** A socket that accepts connections. */
export interface Listener {
  readonly ip: string
  readonly port: number
  readonly inode: string
}

/** Whether listeners and their processes can be seen here. */
export const available = fs.existsSync("/proc/net/tcp")

const anywhere = new Set(["0.0.0.0", "::"])

export const listeners = (): ReadonlyArray<Listener> => [...read("/proc/net/tcp"), ...read("/proc/net/tcp6")]

/** Those that a connection to this address and port reaches. */
export const reached = (ip: string, port: number): ReadonlyArray<Listener> =>
  listeners().filter((one) => one.port === port && reaches(one, ip))

export const reaches = (listener: Listener, ip: string): boolean => listener.ip === canonical(ip) || anywhere.has(listener.ip)

const read = (path: string): ReadonlyArray<Listener> => {
  let text: string
  try {
    text = fs.readFileSync(path, "latin1")
  } catch {
    // A system without IPv6.
    return []
  }
  const found: Array<Listener> = []
  for (const line of text.split("\n")) {
    const fields = line.trim().split(/\s+/)
    // 0A is LISTEN.
    if (fields[3] !== "0A") continue
    const [address, port] = fields[1]!.split(":")
    found.push({ ip: addressOf(address!), port: Number.parseInt(port!, 16), inode: fields[9]! })
  }
  return found
}

/** The kernel writes words of 32 bits as the machine has them. */
const addressOf = (hex: string): string => {
  const words = hex.match(/.{8}/g)!.map((word) => (endianness() === "LE" ? word.match(/../g)!.toReversed().join("") : word))
  const last = words.at(-1)!
  const dotted = (): string =>
    last
      .match(/../g)!
      .map((byte) => Number.parseInt(byte, 16))
      .join(".")
  if (words.length === 1) return dotted()
  const groups = words.flatMap((word) => [word.slice(0, 4), word.slice(4)])
  // An IPv4 address in the clothes of IPv6.
  return groups.slice(0, 6).join("") === "00000000000000000000ffff" ? dotted() : canonical(groups.join(":"))
}

/** One writing for each address. */
const canonical = (ip: string): string => (isIPv6(ip) ? new URL(`http://[${ip}]/`).hostname.slice(1, -1) : ip)

/** The tree of an app: who carries one of its tags, leads or is in its session, or descends from `root`. */
export interface Family {
  readonly root: number
  readonly tags: ReadonlySet<string>
}

/** `unknown`: nobody whose descriptors this process may see has it. */
export interface Owner {
  readonly of: "family" | "others" | "unknown"
  readonly pid: number | undefined
}

/** Who has a listener open. */
export const ownersOf = (found: ReadonlyArray<Listener>, family: Family): ReadonlyArray<Owner> => {
  const holders = new Map<string, Array<number>>(found.map(({ inode }) => [`socket:[${inode}]`, []]))
  let missing = found.length
  for (const pid of inOrder(family.root)) {
    if (missing === 0) break
    for (const target of descriptors(pid)) {
      const pids = holders.get(target)
      if (pids === undefined || pids.at(-1) === pid) continue
      if (pids.length === 0) missing--
      pids.push(pid)
    }
  }
  return found.map(({ inode }): Owner => {
    const pids = holders.get(`socket:[${inode}]`)!
    const own = pids.find((pid) => isOf(pid, family))
    if (own !== undefined) return { of: "family", pid: own }
    return pids.length === 0 ? { of: "unknown", pid: undefined } : { of: "others", pid: pids[0]! }
  })
}

/** Those first who were born after the app's first process: usually that is all. */
const inOrder = (root: number): ReadonlyArray<number> => {
  const pids = fs
    .readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0)
  return [...pids.filter((pid) => pid >= root), ...pids.filter((pid) => pid < root)]
}

const descriptors = (pid: number): ReadonlyArray<string> => {
  try {
    const directory = `/proc/${pid}/fd`
    return fs.readdirSync(directory).map((fd) => {
      try {
        return fs.readlinkSync(`${directory}/${fd}`)
      } catch {
        return ""
      }
    })
  } catch {
    return []
  }
}

const isOf = (pid: number, { root, tags }: Family): boolean => {
  for (let at = pid, steps = 0; at > 0 && steps < 1_000; steps++) {
    if (at === root) return true
    const stat = statOf(at)
    if (stat === undefined) break
    if (stat.session === root) return true
    at = stat.parent
  }
  if (tags.size === 0) return false
  try {
    const environment = fs.readFileSync(`/proc/${pid}/environ`, "latin1")
    return [...tags].some((tag) => environment.includes(tag))
  } catch {
    return false
  }
}

const statOf = (pid: number): { readonly parent: number; readonly session: number } | undefined => {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, "latin1")
    // The name of the program may hold anything, parentheses too.
    const [, parent, , session] = text.slice(text.lastIndexOf(")") + 2).split(" ")
    return { parent: Number(parent), session: Number(session) }
  } catch {
    return undefined
  }
}
