// Real here: the program, its signals, and the programs that it runs.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { folder, skein, start, until } from "../skein.ts"

const place = folder()

const fileOf = (jobs: object, more: object = {}): { readonly cwd: string; readonly env: { readonly TMPDIR: string } } => {
  const cwd = place("run")
  mkdirSync(join(cwd, "tmp"), { recursive: true })
  writeFileSync(join(cwd, "jobs.json"), JSON.stringify({ jobs, ...more }))
  return { cwd, env: { TMPDIR: join(cwd, "tmp") } }
}

describe("skein jobs run", () => {
  it("runs the jobs of a file in their order, shows what they write, and leaves nothing", async () => {
    const setting = fileOf({
      last: { command: ["echo", "3"], after: ["second"] },
      second: { shell: "echo 2; echo aside >&2", after: "first" },
      first: { command: ["echo", "1"] }
    })
    const done = await skein(["jobs", "run", "jobs.json"], setting)
    expect(done).toMatchObject({ code: 0, stdout: "1\n2\n3\n" })
    expect(done.stderr).toContain("aside\n")
    expect(done.stderr.match(/^\w+ {2}(?:started|completed)/gm)).toEqual([
      "first  started",
      "first  completed",
      "second  started",
      "second  completed",
      "last  started",
      "last  completed"
    ])
    expect(readdirSync(setting.env.TMPDIR)).toEqual([])
  })

  it("ends with 1 where a job fails, and says why others were skipped", async () => {
    const setting = fileOf({
      bad: { shell: "echo try; exit 3", retries: 1, backoff: "10ms" },
      after: { command: ["echo", "no"], after: "bad" },
      notify: { command: ["echo", "sorry"], after: { job: "bad", ends: "failed" } }
    })
    const done = await skein(["jobs", "run", "--json", "jobs.json"], setting)
    expect(done.code).toBe(1)
    const records = done.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly id: string; readonly state: string; readonly attempts: number })
    expect(records.map(({ attempts, id, state }) => [id, state, attempts])).toEqual([
      ["bad", "failed", 2],
      ["after", "skipped", 0],
      ["notify", "completed", 1]
    ])
    expect(done.stderr.match(/^(?:try|sorry)$/gm)).toEqual(["try", "try", "sorry"])
  })

  it("ends with 0 where a job was skipped since nothing failed", async () => {
    const setting = fileOf({ good: { command: ["true"] }, notify: { command: ["echo", "sorry"], after: { job: "good", ends: "failed" } } })
    expect(await skein(["jobs", "run", "jobs.json"], setting)).toMatchObject({ code: 0, stdout: "" })
  })

  it("runs tasks of modules, whose values are in the records and whose prints are not", async () => {
    const tasks = fileURLToPath(new URL("../fixtures/jobsTasks.ts", import.meta.url))
    const setting = fileOf({
      thread: { task: `${tasks}#double`, payload: 4 },
      here: { task: `${tasks}#double`, payload: 5, flavour: "inline", after: "thread" }
    })
    const done = await skein(["jobs", "run", "--json", "jobs.json"], setting)
    expect(done.code).toBe(0)
    expect(done.stdout.match(/"value":\d+/g)).toEqual([`"value":8`, `"value":10`])
    expect(done.stderr).toContain("doubling 5\n")
  })

  it("takes its limits from flags and from the file", async () => {
    const shell = "echo + >> log; sleep 0.1; echo - >> log"
    const setting = fileOf(
      { a: { shell, needs: { gpu: 1 } }, b: { shell, needs: { gpu: 1 } }, c: { shell: "cat log", after: ["a", "b"] } },
      { limits: { gpu: 5 } }
    )
    expect((await skein(["jobs", "run", "-j", "4", "--limit", "gpu=1", "jobs.json"], setting)).stdout).toBe("+\n-\n+\n-\n")
  })

  it("stops everything when its time is over", async () => {
    const setting = fileOf({ a: { command: ["sleep", "60"] }, b: { command: ["true"], after: "a" } })
    const done = await skein(["jobs", "run", "--timeout", "0.3", "jobs.json"], setting)
    expect(done.code).toBe(124)
    expect(done.stderr).toContain("b  cancelled: ")
  })

  it("lets what runs end at the first signal, and stops it at the second", async () => {
    const setting = fileOf({
      a: { shell: "trap 'echo told; exit 1' TERM; touch set; sleep 60 & wait" },
      b: { command: ["true"], after: "a" }
    })
    const run = start(["jobs", "run", "jobs.json"], { ...setting, stdin: "" })
    await until(() => existsSync(join(setting.cwd, "set")))
    run.child.kill("SIGTERM")
    await until(() => run.stderr().includes("b  cancelled: "))
    await new Promise((resolve) => setTimeout(resolve, 150)) // sooner, it counts as a copy of the first
    run.child.kill("SIGTERM")
    const done = await run.done
    expect(done).toMatchObject({ code: 143, stdout: "told\n" })
    expect(readdirSync(setting.env.TMPDIR)).toEqual([])
  })

  it("tries nothing again once it was told to end", async () => {
    const setting = fileOf({ a: { shell: "while [ ! -e go ]; do sleep 0.05; done; exit 1", retries: 5, backoff: "10ms" } })
    const run = start(["jobs", "run", "--json", "jobs.json"], { ...setting, stdin: "" })
    await until(() => run.stderr().includes("a  started"))
    run.child.kill("SIGTERM")
    await until(() => run.stderr().includes("starting nothing more"))
    writeFileSync(join(setting.cwd, "go"), "")
    const done = await run.done
    expect(done.code).toBe(143)
    expect(JSON.parse(done.stdout)).toMatchObject({ state: "cancelled", attempts: 1 })
  })

  it.each([
    [{ test: { command: ["x"], after: "build" } }, `jobs.json: jobs.test.after names the job "build", which is not in the file\n`],
    [{ a: { command: ["x"], after: "b" }, b: { command: ["x"], after: "a" } }, "wait for each other"],
    [{ a: { command: ["x"], needs: { gpu: 1 } } }, "gpu"],
    [{ a: { task: "../../nowhere.ts#x" } }, "there is no file "],
    [{ a: { task: `${import.meta.filename}#x` } }, `cannot be loaded: `]
  ])("refuses %j", async (jobs, message) => {
    const done = await skein(["jobs", "run", "jobs.json"], fileOf(jobs))
    expect(done).toMatchObject({ code: 255, stdout: "" })
    expect(done.stderr.startsWith("skein jobs run: ") && done.stderr.includes(message) ? message : done.stderr).toBe(message)
  })
})
