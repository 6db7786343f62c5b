/** Balances the books of a build: what the store says before the crash and after it, what the steps wrote down themselves, and what lies on the disk must agree. */
import type { Json, StoredRun } from "@skein/engine/JobStore"
import * as StoredJob from "@skein/engine/StoredJob"
import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { brotliDecompressSync } from "node:zlib"
import { limits, packages, usesDisk } from "./engine.ts"
import { killed, ledgerIn, publishedIn } from "./folder.ts"

export interface Books {
  /** What the store held when the process had died, by id. */
  readonly before: ReadonlyMap<string, StoredRun>
  readonly after: ReadonlyArray<StoredRun>
  readonly ledger: ReadonlyArray<string>
  /** What the one job that is a command has written to its standard error, in all its attempts. */
  readonly lint: string
}

export const isOver = ({ state }: StoredRun): boolean => state !== "waiting" && state !== "running"

export const readLedger = (folder: string): ReadonlyArray<string> => readFileSync(ledgerIn(folder), "utf8").split("\n").slice(0, -1)

/** Who has to end otherwise than by completing. */
const others: Readonly<Record<string, StoredRun["state"]>> = { lint: "failed", publish: "skipped", announce: "skipped" }

/** What does not balance, a sentence each. */
export const imbalances = (folder: string, { after, before, ledger, lint }: Books): ReadonlyArray<string> => {
  const wrong: Array<string> = []
  const must = (holds: boolean, sentence: string): void => void (holds || wrong.push(sentence))
  const startsOf = (lines: ReadonlyArray<string>, id: string): number => lines.filter((line) => line === `+${id}`).length
  const tail = ledger.slice(ledger.indexOf(killed) + 1)

  must(
    after.length === before.size && after.every(({ id }) => before.has(id)),
    `${before.size} jobs were submitted, ${after.length} are there`
  )
  must(
    [...before.values()].some(({ state }) => state === "running"),
    "nothing ran when the process was killed"
  )
  for (const run of after) {
    const { attempts, end, id, state } = run
    const then = before.get(id)
    must(state === (others[id] ?? "completed"), `${id} is ${state}${end === undefined ? "" : `: ${StoredJob.detailOf(end)}`}`)
    if (id === "lint")
      must(lint.split("SyntaxError").length - 1 === attempts, `lint ran another number of times than its ${attempts} attempts`)
    else must(isStarted(startsOf(ledger, id), attempts, then), `${id} started ${startsOf(ledger, id)} times, and has ${attempts} attempts`)
    if (then === undefined) continue
    if (isOver(then)) must(run.endedAt === then.endedAt && startsOf(tail, id) === 0, `${id} had ended, and ran again`)
    if (then.state === "running") must(attempts === then.attempts + 1 && lossOf(run) !== undefined, `${id} was lost, and did not run again`)
  }
  const fetch = after.find(({ id }) => id === "fetch")
  must(fetch?.attempts === 2, `fetch took ${fetch?.attempts} attempts, not 2`)
  must(chainOf(after).includes('"publish" was skipped ← "lint" failed'), `announce was skipped, because ${chainOf(after)}`)

  const { disk, jobs } = peaks(ledger)
  must(jobs <= limits.jobs && disk <= limits.disk, `${jobs} jobs ran at once, ${disk} of them on the disk`)
  must(!existsSync(publishedIn(folder)), "it was published")
  for (const problem of releaseProblems(after)) wrong.push(problem)
  return wrong
}

/** Each attempt is a start, but that of a process which died after the store had it and before the job began. */
const isStarted = (starts: number, attempts: number, then: StoredRun | undefined): boolean =>
  starts === attempts || (then?.state === "running" && starts === attempts - 1)

/** The loss that a run tells of among its attempts. */
export const lossOf = ({ attemptCauses }: StoredRun): string | undefined =>
  attemptCauses.map(StoredJob.causeDetail).find((detail) => detail.startsWith("attempt") && detail.includes("was lost"))

/** Why the announcement was skipped, back to the job that failed. */
export const chainOf = (runs: ReadonlyArray<StoredRun>): string => {
  const end = runs.find(({ id }) => id === "announce")?.end
  return end === undefined ? "" : StoredJob.detailOf(end)
}

/** The most tasks that were at work at once, and those of them that took from the disk. The one that waits for a key takes nothing. */
export const peaks = (ledger: ReadonlyArray<string>): { readonly jobs: number; readonly disk: number } => {
  const running = new Set<string>()
  const most = { jobs: 0, disk: 0 }
  for (const line of ledger) {
    const id = line.slice(1)
    if (line === killed) running.clear()
    else if (id === "key") continue
    else if (line.startsWith("-")) running.delete(id)
    else running.add(id)
    most.jobs = Math.max(most.jobs, running.size)
    most.disk = Math.max(most.disk, [...running].filter(usesDisk).length)
  }
  return most
}

const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex")

const valueOf = (runs: ReadonlyArray<StoredRun>, id: string): { readonly [field: string]: Json } => {
  const end = runs.find((run) => run.id === id)?.end
  const value = end === undefined ? undefined : StoredJob.valueOf(end)
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as { readonly [field: string]: Json }) : {}
}

/** Each archive must be what its job says, and hold what was compiled, though its job may have been killed while it wrote. */
const releaseProblems = (runs: ReadonlyArray<StoredRun>): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const digests: Array<string> = []
  for (const name of packages) {
    const { digest, path } = valueOf(runs, `pack-${name}`)
    if (typeof path !== "string" || !existsSync(path)) {
      problems.push(`the archive of ${name} is not there`)
      continue
    }
    const archive = readFileSync(path)
    digests.push(sha256(archive))
    if (digests.at(-1) !== digest) problems.push(`the archive of ${name} is not the one that was packed`)
    const compiled = valueOf(runs, `compile-${name}`)["digest"]
    if (unpackedDigest(archive) !== compiled) problems.push(`the archive of ${name} does not hold what was compiled`)
  }
  if (sha256(Buffer.from(digests.join("\n"))) !== valueOf(runs, "link")["digest"]) problems.push("the release is not that of its archives")
  return problems
}

/** None for what is no archive. */
const unpackedDigest = (archive: Uint8Array): string | undefined => {
  try {
    return sha256(brotliDecompressSync(archive))
  } catch {
    return undefined
  }
}

/** How many lines of source there are, by what the scans found. */
export const linesOf = (runs: ReadonlyArray<StoredRun>): number =>
  packages.reduce((sum, name) => sum + Number(valueOf(runs, `scan-${name}`)["lines"] ?? 0), 0)

export const digestOf = (runs: ReadonlyArray<StoredRun>): string => String(valueOf(runs, "link")["digest"] ?? "")
