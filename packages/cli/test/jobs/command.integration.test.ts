// Real here: the program, its signals and its death, the programs that it runs, and a store in a file.
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as Effect from "effect/Effect"
import type { JobStore, StoredRun, StoreError } from "@skein/engine/JobStore"
import * as SqliteStore from "@skein/engine/SqliteStore"
import { storedOf } from "../../src/jobs/jobSpec.ts"
import * as jobsFile from "../../src/jobs/jobsFile.ts"
import { folder, skein, start, type Started, until } from "../skein.ts"

const place = folder()

/** A folder for a store. */
const fresh = () => {
  const cwd = place("jobs")
  mkdirSync(cwd)
  const env = { SKEIN_STORE: "jobs.db" }
  const withStore = <A>(use: (store: JobStore) => Effect.Effect<A, StoreError>): Promise<A> =>
    Effect.runPromise(Effect.scoped(Effect.flatMap(SqliteStore.make({ path: join(cwd, "jobs.db") }), use)))
  return {
    cwd,
    /** Leaves jobs in the store without a process of its own. */
    submit: (jobs: object): Promise<number> => {
      const file = jobsFile.parse(JSON.stringify({ jobs }), {
        path: join(cwd, "jobs.json"),
        now: Date.now(),
        idOf: (name) => name,
        others: "refused"
      })
      return withStore((store) => store.request({ _tag: "Submit", jobs: file.jobs.map(storedOf) }))
    },
    /** What is in the store. */
    kept: (): Promise<ReadonlyArray<StoredRun>> => withStore((store) => store.list()),
    jobs: (...args: ReadonlyArray<string>) => skein(["jobs", ...args], { cwd, env }),
    start: (...args: ReadonlyArray<string>): Started => start(["jobs", ...args], { cwd, env, stdin: "" })
  }
}

interface Listed {
  readonly id: string
  readonly state: string
  readonly attempts: number
  readonly detail: string | null
  readonly value: unknown
}

const listed = (stdout: string): ReadonlyArray<Listed> =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Listed)

const tasks = fileURLToPath(new URL("../fixtures/jobsTasks.ts", import.meta.url))

describe("skein jobs", () => {
  it("keeps a graph of commands, runs it, and tells what became of it", async () => {
    const { cwd, jobs } = fresh()
    expect((await jobs("submit", "--id", "fetch", "--", "sh", "-c", "echo got it; echo slowly >&2")).stdout).toBe("fetch\n")
    await jobs(
      "submit",
      "--id",
      "check",
      "--after",
      "fetch",
      "--retries",
      "1",
      "--backoff",
      "10ms",
      "--",
      "sh",
      "-c",
      "echo no room >&2; exit 3"
    )
    await jobs("submit", "--id", "publish", "--after", "check", "--", "echo", "never")
    await jobs("submit", "--id", "tidy", "--after-end", "check", "--", "sh", "-c", "pwd")

    const worked = await jobs("work", "--until-idle")
    expect(worked.code).toBe(1)
    expect(worked.stdout).toBe("")
    expect(worked.stderr).toContain("fetch  sh  started\n")

    const found = listed((await jobs("list", "--json")).stdout)
    expect(found.map(({ attempts, id, state }) => [id, state, attempts])).toEqual([
      ["fetch", "completed", 1],
      ["check", "failed", 2],
      ["publish", "skipped", 0],
      ["tidy", "completed", 1]
    ])
    expect(found[1]!.detail).toContain("no room")
    expect(found[2]!.detail).toContain(`"sh" failed: `)
    expect(await jobs("logs", "fetch")).toMatchObject({ stdout: "got it\n", stderr: "slowly\n" })
    expect((await jobs("logs", "tidy")).stdout).toBe(`${cwd}\n`)
    expect((await jobs("wait", "fetch", "check")).code).toBe(1)
    expect((await jobs("wait", "fetch", "tidy")).code).toBe(0)
    expect((await jobs("graph")).stdout).toBe(
      "fetch  sh  completed\n└─ check  sh  failed\n   ├─ publish  echo  skipped\n   └─ tidy  sh  completed\n"
    )

    expect((await jobs("prune", "--state", "completed")).stdout).toBe("2 jobs removed\n")
    expect(listed((await jobs("list", "--json")).stdout).map(({ id }) => id)).toEqual(["check", "publish"])
    expect(readdirSync(join(cwd, "jobs.db.output")).map((name) => name.split("-")[0])).toEqual(["check"])
  })

  it("works on what is submitted, cancelled and repeated meanwhile", async () => {
    const { jobs, kept, start, submit } = fresh()
    const engine = start("work")
    await until(() => engine.stderr().includes("working on jobs.db"))
    await submit({ long: { command: ["sleep", "60"] }, bad: { command: ["false"] } })
    await until(() => engine.stderr().includes("long  started"))
    const cancelled = await jobs("cancel", "--wait", "--reason", "no more money", "long")
    expect(cancelled).toMatchObject({ code: 0 })
    expect(cancelled.stdout).toMatch(/^long {2}long {2}cancelled in /)
    expect(await jobs("submit", "--wait", "--", "true")).toMatchObject({ code: 0 })
    expect(await jobs("retry", "--wait", "bad")).toMatchObject({ code: 1 })
    engine.child.kill("SIGTERM")
    expect((await engine.done).code).toBe(143)
    expect((await kept()).map(({ name, rerunOf, state }) => [name, state, rerunOf])).toEqual([
      ["long", "cancelled", undefined],
      ["bad", "failed", undefined],
      ["true", "completed", undefined],
      ["bad", "failed", "bad"]
    ])
  })

  it("writes what a job writes while it writes it, and ends with it", async () => {
    const { cwd, jobs, start, submit } = fresh()
    await submit({ a: { shell: "echo one; while [ ! -e go ]; do sleep 0.05; done; echo two; echo three >&2; exit 4" } })
    const engine = start("work", "--until-idle")
    const follower = start("logs", "-f", "a")
    await until(() => follower.stdout() === "one\n")
    writeFileSync(join(cwd, "go"), "")
    const done = await follower.done
    expect(done).toMatchObject({ code: 0, stdout: "one\ntwo\n" })
    expect(done.stderr).toContain("three\n")
    expect(done.stderr).toContain("a failed: ")
    await engine.done
    expect(await jobs("logs", "--tail", "1", "a")).toMatchObject({ stdout: "two\n", stderr: "three\n" })
    expect(await jobs("logs", "--stream", "stdout", "a")).toMatchObject({ stdout: "one\ntwo\n", stderr: "" })
  })

  it("loses nothing when it is killed", async () => {
    const { cwd, jobs, kept, start, submit } = fresh()
    await submit({
      done: { shell: "echo done >> log" },
      lost: { shell: "echo lost >> log; touch here; sleep 60", after: "done" },
      again: { shell: "echo again >> log; [ -e second ] || sleep 60", after: "done", onLost: "resume" },
      later: { command: ["true"], after: { job: "lost", ends: "ended" } }
    })
    const engine = start("work", "-j2")
    // A job that is said to run may not have come to its first command yet.
    await until(() => existsSync(join(cwd, "here")) && readFileSync(join(cwd, "log"), "utf8").includes("again"))
    engine.child.kill("SIGKILL")
    await engine.done
    writeFileSync(join(cwd, "second"), "")
    expect((await jobs("work", "--until-idle")).code).toBe(1)
    expect((await kept()).map(({ attempts, id, state }) => [id, state, attempts])).toEqual([
      ["done", "completed", 1],
      ["lost", "failed", 1],
      ["again", "completed", 2],
      ["later", "completed", 1]
    ])
    expect(readFileSync(join(cwd, "log"), "utf8").split("\n").toSorted()).toEqual(["", "again", "again", "done", "lost"])
  })

  it("lets what runs end at the first Ctrl-C, and leaves what waits", async () => {
    const { cwd, kept, start, submit } = fresh()
    await submit({ runs: { shell: "while [ ! -e go ]; do sleep 0.05; done" }, waits: { command: ["true"], after: "runs" } })
    const engine = start("work")
    await until(() => engine.stderr().includes("runs  started"))
    engine.child.kill("SIGINT")
    await until(() => engine.stderr().includes("starting nothing more, waiting for the job that runs"))
    writeFileSync(join(cwd, "go"), "")
    const done = await engine.done
    expect(done.code).toBe(130)
    expect(done.stderr).toContain("1 job waits in jobs.db for the next engine\n")
    expect((await kept()).map(({ id, state }) => [id, state])).toEqual([
      ["runs", "completed"],
      ["waits", "waiting"]
    ])
  })

  it("stops what runs at the second, and what may run again waits", async () => {
    const { kept, start, submit } = fresh()
    await submit({ once: { command: ["sleep", "60"] }, again: { command: ["sleep", "60"], onLost: "resume" } })
    const engine = start("work", "-j2")
    await until(() => engine.stderr().includes("again  started"))
    engine.child.kill("SIGINT")
    await until(() => engine.stderr().includes("starting nothing more"))
    await new Promise((resolve) => setTimeout(resolve, 150)) // sooner, it counts as a copy of the first
    engine.child.kill("SIGINT")
    expect((await engine.done).code).toBe(130)
    expect((await kept()).map(({ id, state }) => [id, state])).toEqual([
      ["once", "cancelled"],
      ["again", "waiting"]
    ])
  })

  it("ends when its store cannot be written any more, and the next one goes on", async () => {
    const { cwd, jobs, kept, submit } = fresh()
    await submit(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`j${i}`, { command: ["true"], onLost: "resume" }])))
    // The shell lets no file grow beyond this many blocks of 512 bytes.
    const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
    const limited = `ulimit -f 600; exec "${process.execPath}" "${main}" jobs work --until-idle --progress off --store jobs.db`
    const full = spawnSync("sh", ["-c", limited], { cwd, encoding: "utf8" })
    expect(full.status).toBe(255)
    expect(full.stderr).toMatch(/\nskein jobs work: job store "jobs.db" [^\n]+\n$/)
    expect((await kept()).filter(({ state }) => state === "waiting").length).toBeGreaterThan(100)
    expect((await jobs("work", "--until-idle", "--progress", "off")).code).toBe(0)
    expect((await kept()).filter(({ state }) => state === "completed").length).toBe(300)
  })

  it("leaves a store alone that another engine works on", async () => {
    const { start } = fresh()
    const one = start("work")
    await until(() => one.stderr().includes("working on"))
    const other = await start("work").done
    expect(other).toMatchObject({ code: 255, stderr: `skein jobs work: job store "jobs.db" is in use by another engine\n` })
    one.child.kill("SIGTERM")
    await one.done
  })

  it("runs functions of modules in threads, in processes, and in its own", async () => {
    const { jobs, submit } = fresh()
    const task = { task: `${tasks}#double`, payload: 21 }
    await submit({ process: { ...task, flavour: "process" }, inline: { ...task, flavour: "inline" } })
    await jobs("submit", `${tasks}#double`, "--payload", "21", "--id", "worker")
    expect(await jobs("work", "--until-idle")).toMatchObject({ code: 0, stdout: "" })
    expect(listed((await jobs("list", "--json")).stdout).map(({ id, value }) => [id, value])).toEqual([
      ["process", 42],
      ["inline", 42],
      ["worker", 42]
    ])
  })

  it("submits the jobs of a file, all or none", async () => {
    const { cwd, jobs } = fresh()
    writeFileSync(
      join(cwd, "build.json"),
      JSON.stringify({ jobs: { b: { command: ["true"], after: "a" }, a: { shell: "echo $X", env: { X: "y" } } } })
    )
    const { stdout } = await jobs("submit", "--file", "build.json")
    expect(stdout).toMatch(/^[a-z0-9]{8} {2}b\n[a-z0-9]{8} {2}a\n$/)
    expect((await jobs("work", "--until-idle")).code).toBe(0)
    const id = stdout.split("\n")[1]!.split(" ")[0]!
    expect((await jobs("logs", id)).stdout).toBe("y\n")
  })

  it.each([
    [["list"], "there is no job store at jobs.db; skein jobs submit makes one, --store or SKEIN_STORE names another"],
    [["list", "--store", ""], `--store must be the name of a file, got ""`],
    [["work", "--store", ":memory:"], `--store must be the name of a file, got ":memory:"`],
    [["cancel", "--store", "foreign.txt", "x"], `job store "foreign.txt" cannot be read: `],
    [["list", "--store", "foreign.txt"], `job store "foreign.txt" cannot be read: `]
  ])("refuses %j", async ([name, ...args], message) => {
    const { cwd, jobs } = fresh()
    writeFileSync(
      join(cwd, "foreign.txt"),
      "no database, but a text that is long enough to be taken for one at the first glance\n".repeat(20)
    )
    const done = await jobs(name!, ...args)
    expect(done).toMatchObject({ code: 255, stdout: "" })
    expect(done.stderr.startsWith(`skein jobs ${name}: ${message}`) ? message : done.stderr).toBe(message)
    expect(readdirSync(cwd)).toEqual(["foreign.txt"])
  })

  it("explains itself, and knows what was meant", async () => {
    expect((await skein(["jobs", "--help"])).stdout).toContain("SUBCOMMANDS")
    expect((await skein(["jobs", "work", "--help"])).stdout).toContain("--until-idle")
    expect((await skein(["jobs", "lits"])).stderr).toBe(
      `skein jobs: there is no command "lits"; did you mean skein jobs list?\nskein jobs --help lists them\n`
    )
    expect((await skein(["jobs", "list", "--stat", "failed"])).stderr).toContain("unknown flag --stat; did you mean --state?")
  })

  it("ends in silence when nobody reads on", async () => {
    const { cwd, submit } = fresh()
    await submit(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`job number ${i}`, { command: ["true"] }])))
    const reader = start(["jobs", "list", "--json"], { cwd, env: { SKEIN_STORE: "jobs.db" }, stdin: "" })
    reader.child.stdout!.destroy()
    expect(await reader.done).toMatchObject({ code: 141, stderr: "" })
  })
})
