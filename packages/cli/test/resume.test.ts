import { describe, expect, it } from "vitest"
import { digestCounts } from "../src/digests.ts"
import type { Entry, JobLog } from "../src/jobLog.ts"
import * as resume from "../src/resume.ts"
import { jobOf } from "./fixtures/records.ts"

const byText: Pick<JobLog, "id"> = { id: (job) => job.text }

const decisions = (mode: resume.Mode, entries: ReadonlyArray<Entry>, commands: ReadonlyArray<string>): ReadonlyArray<string> => {
  const decided = resume.make(mode)
  for (const entry of entries) decided.add(entry)
  return commands.map((text, index) => decided.decide(jobOf(index + 1, text), byText))
}

const ok = (id: string): Entry => ({ id, ok: true })
const failed = (id: string): Entry => ({ id, ok: false })

describe("resume.decide", () => {
  it("skips what has a record", () => {
    expect(decisions("resume", [ok("a"), failed("b")], ["a", "b", "c"])).toEqual(["skip", "skip", "run"])
  })

  it("skips only what succeeded, where what failed is to run again", () => {
    expect(decisions("resume-failed", [ok("a"), failed("b")], ["a", "b", "c"])).toEqual(["skip", "run", "run"])
  })

  it("skips what failed first and succeeded later", () => {
    expect(decisions("resume-failed", [failed("a"), failed("a"), ok("a")], ["a"])).toEqual(["skip"])
  })

  it("knows a job by what it does, wherever in the input it stands", () => {
    expect(decisions("resume", [ok("a"), ok("b")], ["c", "b", "d", "a"])).toEqual(["run", "skip", "run", "skip"])
  })

  it("skips as many jobs of one command as there are records of it", () => {
    expect(decisions("resume", [ok("a")], ["a", "a", "a"])).toEqual(["skip", "run", "run"])
    expect(decisions("resume", [ok("a"), ok("a")], ["a", "a", "a"])).toEqual(["skip", "skip", "run"])
  })
})

describe("digestCounts", () => {
  it("counts as a map of texts does, however many there are", () => {
    const counts = digestCounts()
    const map = new Map<string, number>()
    for (let step = 0; step < 20_000; step++) {
      const text = `text ${(step * 7919) % 3000}`
      const before = map.get(text) ?? 0
      if (step % 3 === 2) {
        expect(counts.take(text)).toBe(before > 0)
        map.set(text, Math.max(0, before - 1))
      } else {
        expect(counts.add(text)).toBe(before + 1)
        map.set(text, before + 1)
      }
    }
  })

  it("keeps what it has when it grows", () => {
    const counts = digestCounts()
    for (let n = 0; n < 50_000; n++) counts.add(`${n}`)
    const lost = Array.from({ length: 50_000 }, (_, n) => counts.take(`${n}`)).filter((found) => !found)
    expect(lost).toEqual([])
    expect(counts.take("1")).toBe(false)
  })
})
