/**
 * Keeps a file for one process: a lock file beside it names who has it, and one whose owner is gone is taken over.
 *
 * A lock appears complete or not at all, since it is written under another name and linked. Of several processes that find the same dead owner only one may replace its lock: the one that gets the lock for that very lock.
 */
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import { hostname } from "node:os"

export interface Owner {
  readonly pid: number
  readonly host: string
  /** When the process began, in the system's own words: tells it from a later one that has its number. Empty where the system does not say. */
  readonly began: string
  readonly token: string
}

export type Taken =
  | { readonly _tag: "Mine"; readonly release: () => void; /** Who died with it. */ readonly from: Owner | undefined }
  | { readonly _tag: "Held"; readonly by: Owner | undefined }

/** Takes it, or says who has it. Waits for nobody. Throws what the file system throws. */
export const take = (path: string): Taken => {
  const mine: Owner = { pid: process.pid, host: hostname(), began: beginning(process.pid), token: randomUUID() }
  const draft = `${path}.${mine.token}`
  fs.writeFileSync(draft, JSON.stringify(mine), { flag: "wx" })
  const release = (): void => {
    if (read(path)?.token === mine.token) fs.rmSync(path, { force: true })
  }
  try {
    for (;;) {
      if (linked(draft, path)) return { _tag: "Mine", release, from: undefined }
      const owner = read(path)
      if (owner === undefined) {
        // Released since, or no lock of ours.
        if (fs.existsSync(path)) return { _tag: "Held", by: undefined }
        continue
      }
      if (lives(owner)) return { _tag: "Held", by: owner }
      const claim = take(`${path}.${owner.token}`)
      if (claim._tag === "Held") return claim
      try {
        // Somebody may have taken it over between our look and our claim.
        if (read(path)?.token !== owner.token) continue
        fs.renameSync(draft, path)
        return { _tag: "Mine", release, from: owner }
      } finally {
        claim.release()
      }
    }
  } finally {
    fs.rmSync(draft, { force: true })
  }
}

const linked = (from: string, to: string): boolean => {
  try {
    fs.linkSync(from, to)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "EEXIST") return false
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error
  }
  // A file system without links: for a moment the lock is there and empty, which reads as held.
  try {
    fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  }
}

const read = (path: string): Owner | undefined => {
  try {
    const owner: unknown = JSON.parse(fs.readFileSync(path, "utf8"))
    return typeof owner === "object" && owner !== null && typeof (owner as Owner).pid === "number" ? (owner as Owner) : undefined
  } catch {
    return undefined
  }
}

/** Of another machine nothing is known, so it lives. */
const lives = (owner: Owner): boolean => {
  if (owner.host !== hostname()) return true
  try {
    process.kill(owner.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false
  }
  const now = beginning(owner.pid)
  return owner.began === "" || now === "" || now === owner.began
}

/** Field 22 of `/proc/PID/stat`; the name of the program, the second one, may hold spaces and brackets. */
const beginning = (pid: number): string => {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""
  } catch {
    return ""
  }
}
