// Real here: the program, killed with SIGKILL at seeded moments, its job log, and everything it started.
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { folder, skein, start, until } from "./skein.ts"

const file = folder()
const soak = process.env["SKEIN_SOAK"] === "1"

/** The same moments in every run (mulberry32, Tommy Ettinger). */
const random = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

interface Line {
  readonly seq: number
  readonly key: string
  readonly exit: number
}
const linesOf = (log: string): ReadonlyArray<Line> =>
  existsSync(log)
    ? readFileSync(log, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Line)
    : []

/** Who carries a word in the environment: the processes of one test. */
const carriers = (word: string): ReadonlyArray<string> =>
  readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || pid === `${process.pid}`) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1").includes(word)
    } catch {
      return false
    }
  })

describe("a run that is killed", () => {
  it.each(Array.from({ length: soak ? 100 : 10 }, (_, seed) => seed))(
    "at moment %i loses and repeats no job that is recorded, and leaves nothing behind",
    async (seed) => {
      const next = random(seed)
      const log = file("log.json")
      const ran = file("ran")
      const word = `skein-test-${process.pid}-${seed}`
      const jobs = 40
      const bound = 1 + (seed % 4)
      // Each job says that it ran, starts a process of its own that outlives its shell, and takes a little.
      const work = `echo {} >> ${ran}; setsid sleep 1000 > /dev/null 2>&1 & sleep 0.0{}; kill $!`
      const args = ["run", ...(seed % 2 === 0 ? ["--exact"] : []), `-j${bound}`, "--joblog", log, "--resume", "--shell", "--", work]
      const setting = { stdin: Array.from({ length: jobs }, (_, i) => `${i + 1}\n`).join(""), env: { SKEIN_TEST_WORD: word } }
      const killed = start(args, setting)
      const after = Math.floor(next() * jobs * 0.8)
      await until(() => wordsOf(log).length > after)
      await new Promise((resolve) => setTimeout(resolve, next() * 15))
      killed.child.kill("SIGKILL")
      expect((await killed.done).signal).toBe("SIGKILL")
      await until(() => carriers(word).length === 0)
      // A line without its end is not a record.
      const recorded = wordsOf(log)
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Line)
      const before = wordsOf(ran).slice(0, -1)

      const resumed = await skein(args, setting)
      expect(resumed.code).toBe(0)
      const lines = linesOf(log)
      expect(lines.map(({ seq }) => seq).toSorted((a, b) => a - b)).toEqual(Array.from({ length: jobs }, (_, i) => i + 1))
      // What was recorded stands there unchanged, and was not run again.
      expect(lines.slice(0, recorded.length)).toEqual(recorded)
      const times = new Map<string, number>()
      for (const job of wordsOf(ran).slice(0, -1)) times.set(job, (times.get(job) ?? 0) + 1)
      for (const { seq } of recorded) expect(times.get(`${seq}`)).toBe(1)
      // At most those that ran at that moment were not recorded.
      expect(before.length - recorded.length).toBeLessThanOrEqual(bound)
      expect(times.size).toBe(jobs)
    }
  )
})

/** The lines of a file that may not be there; the last one has no end. */
const wordsOf = (path: string): ReadonlyArray<string> => (existsSync(path) ? readFileSync(path, "utf8") : "").split("\n")

describe("a run that goes on", () => {
  it("runs what is new, whatever the order of the input, and not what is done", async () => {
    const log = file("log.json")
    const run = (...args: ReadonlyArray<string>) => skein(["run", "-k", "--joblog", log, "--resume", "--", "echo", "{}", ":::", ...args])
    expect((await run("a", "b", "c")).stdout).toBe("a\nb\nc\n")
    expect((await run("x", "c", "a", "y", "b")).stdout).toBe("x\ny\n")
    expect((await run("a", "a")).stdout).toBe("a\n")
  })

  it("runs again what failed, where that is asked for", async () => {
    const log = file("log.json")
    const gate = file("gate")
    const run = (mode: string) =>
      skein([
        "run",
        "-q",
        "-j1",
        "--joblog",
        log,
        mode,
        "--shell",
        "--",
        `test {} != 2 || test -e ${gate}; code=$?; echo {}; exit $code`,
        ":::",
        "1",
        "2",
        "3"
      ])
    expect((await run("--resume")).code).toBe(1)
    writeFileSync(gate, "")
    expect((await run("--resume")).stdout).toBe("")
    expect(await run("--resume-failed")).toMatchObject({ code: 0, stdout: "2\n" })
    expect(await run("--resume-failed")).toMatchObject({ code: 0, stdout: "" })
  })

  it("runs again what was stopped when the run was", async () => {
    const log = file("log.json")
    const gate = file("gate")
    const args = [
      "run",
      "-j1",
      "-o",
      "line",
      "--on-stop=stop",
      "--joblog",
      log,
      "--resume",
      "--shell",
      "--",
      `echo {}; test -e ${gate} || sleep 1000`,
      ":::",
      "a"
    ]
    const first = start(args, { stdin: "" })
    await until(() => first.stdout() === "a\n")
    first.child.kill("SIGTERM")
    expect((await first.done).code).toBe(143)
    writeFileSync(gate, "")
    expect(await skein(args)).toMatchObject({ code: 0, stdout: "a\n" })
  })

  it("repairs a job log whose last line is torn, and keeps what was torn", async () => {
    const log = file("log.json")
    const run = () => skein(["run", "-q", "-k", "--joblog", log, "--resume", "--", "echo", "{}", ":::", "a", "b"])
    await run()
    appendFileSync(log, '{"seq":3,"key":"abc')
    expect(await run()).toMatchObject({ code: 0, stdout: "" })
    expect(readFileSync(`${log}.torn`, "utf8")).toContain('{"seq":3,"key":"abc')
    expect(linesOf(log)).toHaveLength(2)
  })

  it("understands a job log that GNU parallel has written", async () => {
    const log = file("log")
    const header = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand"
    writeFileSync(log, `${header}\n1\t:\t1700000000.000\t     0.001\t0\t2\t0\t0\techo a\n`)
    const { stdout } = await skein(["run", "-k", "--joblog", log, "--resume", "--", "echo", "{}", ":::", "a", "b"])
    expect(stdout).toBe("b\n")
    expect(readFileSync(log, "utf8").split("\n")[2]).toMatch(/^2\t:\t\d+\.\d{3}\t +\d+\.\d{3}\t0\t2\t0\t0\techo b$/)
  })

  it("refuses a log that another run is writing", async () => {
    const log = file("log.json")
    const gate = file("gate")
    const first = start(
      ["run", "--joblog", log, "-o", "line", "--shell", "--", `echo in {}; while ! test -e ${gate}; do sleep 0.01; done`, ":::", "a"],
      { stdin: "" }
    )
    await until(() => first.stdout() === "in a\n")
    const second = await skein(["run", "--joblog", log, "--resume", "--", "echo", "{}", ":::", "b"])
    expect([second.code, second.stdout]).toEqual([255, ""])
    expect(second.stderr).toMatch(/job log .*: /)
    writeFileSync(gate, "")
    expect((await first.done).code).toBe(0)
  })
})
