import * as Condition from "@skein/engine/Condition"
import * as Job from "@skein/engine/Job"
import { describe, expect, it } from "vitest"
import { parse } from "../../src/jobs/jobsFile.ts"

const read = (file: unknown, others: "refused" | "ids" = "refused") =>
  parse(typeof file === "string" ? file : JSON.stringify(file), {
    path: "/some/where/jobs.json",
    now: 0,
    idOf: (name) => `id-${name}`,
    others
  })

const messageOf = (file: unknown): string => {
  try {
    read(file)
    return ""
  } catch (error) {
    return (error as Error).message
  }
}

describe("a file of jobs", () => {
  it("reads a command with all that can be said of it", () => {
    const { jobs, limits } = read({
      limits: { jobs: 2, gpu: 1 },
      jobs: {
        a: { command: ["make", "-j2"] },
        b: {
          shell: "echo $HOME",
          after: ["a", { job: "a", ends: ["failed", "timeout"] }],
          afterAny: ["a"],
          onUpstream: "run",
          when: "mon-fri",
          retries: 2,
          backoff: "500ms",
          timeout: 30,
          attemptTimeout: "1m",
          queueTimeout: "1h",
          labels: { team: "a" },
          key: "k",
          priority: "high",
          needs: { gpu: 1 },
          directory: "sub",
          env: { X: "1" }
        }
      }
    })
    expect(limits).toEqual({ jobs: 2, gpu: 1 })
    expect(jobs[0]).toMatchObject({
      id: "id-a",
      name: "a",
      work: { kind: "command", program: "make", args: ["-j2"], shell: undefined, directory: "/some/where" }
    })
    expect(jobs[1]!.work).toEqual({
      kind: "command",
      program: "echo $HOME",
      args: [],
      shell: "sh",
      directory: "/some/where/sub",
      env: { X: "1" }
    })
    expect(jobs[1]!.options).toEqual({
      after: [Job.on("id-a", "completed"), Job.on("id-a", ["failed", "timeout"]), Job.afterAny([Job.on("id-a", "completed")])],
      onUpstream: "run",
      when: Condition.weekdays("mon-fri"),
      retry: { times: 2, delay: 500, factor: 2 },
      timeout: 30_000,
      attemptTimeout: 60_000,
      queueTimeout: 3_600_000,
      labels: { team: "a" },
      key: "k",
      priority: "high",
      needs: { gpu: 1 }
    })
  })

  it("reads a function of a module", () => {
    const { jobs } = read({ jobs: { a: { task: "./tasks.ts#resize", payload: { width: 80 } } } })
    expect(jobs[0]!.work).toEqual({ kind: "task", path: "/some/where/tasks.ts", export: "resize", payload: { width: 80 } })
  })

  it("takes the name of no job of its own for an id where that is allowed", () => {
    const { jobs } = read({ jobs: { a: { command: ["x"], after: "other" } } }, "ids")
    expect(jobs[0]!.options.after).toEqual([Job.on("other", "completed")])
  })

  it.each([
    ["{", /^\/some\/where\/jobs\.json: is no JSON: /],
    [[], "the file must be an object, got []"],
    [{ jobs: {} }, "jobs must hold at least one job"],
    [{ jobz: {} }, "jobz is unknown; did you mean jobs?"],
    [{ jobs: { a: 1 } }, "jobs.a must be an object, got 1"],
    [{ jobs: { a: {} } }, "jobs.a must have one of command, shell and task, got none"],
    [{ jobs: { a: { command: ["x"], shell: "y" } } }, "jobs.a must have one of command, shell and task, got command and shell"],
    [{ jobs: { a: { command: "make -j2" } } }, `jobs.a.command must be words such as ["make", "-j2"], got "make -j2"`],
    [{ jobs: { a: { command: [] } } }, `jobs.a.command must be words such as ["make", "-j2"], got []`],
    [{ jobs: { a: { task: "tasks.ts" } } }, `jobs.a.task must be a module and a name of it, such as ./tasks.ts#resize, got "tasks.ts"`],
    [{ jobs: { a: { task: "t.ts#x", env: {} } } }, "jobs.a.env is for commands"],
    [{ jobs: { a: { command: ["x"], payload: 1 } } }, "jobs.a.payload is for tasks"],
    [{ jobs: { a: { command: ["x"], retries: -1 } } }, "jobs.a.retries must be a whole number of at least 0, got -1"],
    [
      { jobs: { a: { command: ["x"], timeout: "soon" } } },
      `jobs.a.timeout must be a time such as 10 (seconds), 1.5s, 2m, 3h, 1d or 1h30m, got "soon"`
    ],
    [
      { jobs: { build: { command: ["x"], after: "biuld" } } },
      `jobs.build.after names the job "biuld", which is not in the file; did you mean "build"?`
    ],
    [{ jobs: { a: { command: ["x"], after: ["a", 3] } } }, "jobs.a.after[1] must be an object, got 3"],
    [
      { jobs: { a: { command: ["x"], after: { job: "a", ends: "done" } } } },
      /^\/some\/where\/jobs\.json: jobs\.a\.after\.ends must be "completed" or /
    ],
    [{ jobs: { a: { command: ["x"], priority: "urgent" } } }, `jobs.a.priority must be "high" or "normal" or "low", got "urgent"`],
    [{ jobs: { a: { command: ["x"] } }, limits: { jobs: 0 } }, "limits.jobs must be a whole number of at least 1, got 0"]
  ])("refuses %j", (file, message) => {
    const found = messageOf(file)
    if (typeof message === "string") expect(found).toBe(`/some/where/jobs.json: ${message}`)
    else expect(found).toMatch(message)
  })
})
