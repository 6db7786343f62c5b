import * as Condition from "@skein/engine/Condition"
import type * as JobStore from "@skein/engine/JobStore"
import * as StoredJob from "@skein/engine/StoredJob"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { submit } from "../../src/jobs/submit.ts"
import { description, ended, now, run, tell, withStore } from "./deskKit.ts"

/** What was left in a store. */
const left = (flags: ReadonlyArray<string>, words: ReadonlyArray<string>, runs: ReadonlyArray<JobStore.StoredRun> = []) =>
  withStore(runs, (store) =>
    Effect.gen(function* () {
      const told = yield* tell("submit", submit, { store }, flags, words)
      const requests = (yield* store.requests).map(({ request }) => request)
      return { told, jobs: requests.flatMap((request) => (request._tag === "Submit" ? request.jobs : [])) }
    })
  )

describe("jobs submit", () => {
  it("leaves a command with a fresh id, which it prints", async () => {
    const { jobs, told } = await left([], ["/usr/bin/make", "-j2", "all"])
    expect(told).toMatchObject({ code: 0, stdout: `${jobs[0]!.id}\n` })
    expect(jobs[0]!.id).toMatch(/^[a-z][a-z0-9]{7}$/)
    expect(jobs[0]!.name).toBe("make")
    expect(StoredJob.what(jobs[0]!.description)).toBe("/usr/bin/make -j2 all")
  })

  it("writes down all that is said of it", async () => {
    const flags = [
      "--id=b",
      "--name=the build",
      "--after=a",
      "--after-end=c",
      "--label=team=a",
      "--label=branch=x=y",
      "--key=nightly",
      "--when=mon-fri"
    ]
    const { jobs } = await left(flags, ["make"], [run("a"), ended("c", "failed")])
    const [job] = jobs
    expect(job).toMatchObject({ id: "b", name: "the build" })
    expect(StoredJob.edges({ id: "b", description: job!.description })).toEqual([
      { from: "a", to: "b", wants: ["completed"], kind: "after" },
      { from: "c", to: "b", wants: ["completed", "failed", "timeout", "cancelled", "skipped"], kind: "after" }
    ])
    expect(StoredJob.labels(job!.description)).toEqual({ team: "a", branch: "x=y" })
    expect(StoredJob.key(job!.description)).toBe("nightly")
    expect(StoredJob.when(job!.description)).toEqual(Condition.weekdays("mon-fri"))
  })

  it("leaves a function of a module, which it does not load", async () => {
    const { jobs } = await left([`--payload={"n":1}`], [`${import.meta.filename}#resize`])
    expect(jobs[0]!.name).toBe("resize")
    expect(StoredJob.what(jobs[0]!.description)).toBe(`${import.meta.url}#resize`)
  })

  it("submits nothing while a job with its key has not ended, and gives that job", async () => {
    const { jobs, told } = await left(["--key=k"], ["make"], [ended("a", "completed", { key: "k" }), run("b", { key: "k" })])
    expect(jobs).toEqual([])
    expect(told).toMatchObject({ code: 0, stdout: "b\n" })
    expect(told.stderr.split("\n")[0]).toBe(`a job with the key "k" has not ended: nothing is submitted`)
  })

  it("finds the key of what no engine has taken in yet", async () => {
    const { told } = await withStore([], (store) =>
      Effect.gen(function* () {
        yield* store.request({ _tag: "Submit", jobs: [{ id: "first", name: "x", description: description([], { key: "k" }) }] })
        return { told: yield* tell("submit", submit, { store }, ["--key=k"], ["make"]) }
      })
    )
    expect(told.stdout).toBe("first\n")
  })

  it("refuses an id that is taken", async () => {
    expect((await left(["--id=a"], ["make"], [run("a")])).told.message).toBe(`there is a job "a" already; skein jobs retry runs it again`)
  })

  it.each([
    [[], [], "which command? As in: skein jobs submit -- make -j2"],
    [["--after=x"], ["make"], `there is no job "x" in jobs.db; the store is empty`],
    [["--payload={}"], ["make"], "--payload is for a function of a module, such as ./tasks.ts#resize"],
    [["--backoff=1"], ["make"], "--backoff needs --retries"],
    [["--need=gpu"], ["make"], '--need must be a name and a whole number of at least 0, such as gpu=2, got "gpu"'],
    [["--id="], ["make"], "--id must not be empty"],
    [["--when=0 0 30 2 *"], ["make"], /^--when "0 0 30 2 \*" is refused: /],
    [[], ["./nowhere.ts#resize"], `there is no file "./nowhere.ts"; a command of this name stands behind --`],
    [["--payload={"], [`${import.meta.filename}#x`], /^--payload must be JSON, got "\{": /],
    [["--file=x", "--name=y"], [], "--name and --file cannot be used together: the file says it of each of its jobs"]
  ])("refuses %j %j", async (flags, words, message) => {
    const { jobs, told } = await left(flags, words)
    expect(jobs).toEqual([])
    expect(told.message).toEqual(typeof message === "string" ? message : expect.stringMatching(message))
  })

  it("reckons times from now", async () => {
    const { jobs } = await left(["--when=+1h"], ["make"])
    expect(StoredJob.when(jobs[0]!.description)).toEqual(Condition.after(now + 3_600_000))
  })
})
