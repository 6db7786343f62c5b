// Real here: every process, the signals they get, and /proc. Needs Linux.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it } from "vitest"
import * as ProcessTree from "../src/ProcessTree.ts"
import { carriers, killIfThere, until } from "./fixtures/processes.ts"

const children: Array<ChildProcess> = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
})

interface Started {
  readonly pid: number
  readonly output: () => string
}

/** Runs a script of `sh` in the branch and resolves when it has said `ready`, so many times. */
const startIn = async (branch: ProcessTree.Branch, script: string, times = 1): Promise<Started> => {
  const [name, value] = branch.variable
  const child = spawn("sh", ["-c", script], {
    env: { ...process.env, [name]: value },
    stdio: ["ignore", "pipe", "ignore"],
    detached: true
  })
  children.push(child)
  let output = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text))
  await until(() => output.split("ready").length > times)
  return { pid: child.pid!, output: () => output }
}

/** `use` with a tree, and the tree's scope closed after it. */
const withTree = <A>(use: (tree: ProcessTree.ProcessTree) => Promise<A>, options?: ProcessTree.Options): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(ProcessTree.make(options), (tree) => Effect.promise(() => use(tree)))))

const own = (branch: ProcessTree.Branch): string => branch.variable[1].split(",").at(-1)!

/** The pids of the watchdogs that this process has. */
const watchdogs = (): ReadonlyArray<number> =>
  fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const parent = Number(/\) \S+ (\d+)/.exec(fs.readFileSync(`/proc/${name}/stat`, "latin1"))?.[1])
        return parent === process.pid && fs.readFileSync(`/proc/${name}/cmdline`, "latin1").includes("skein-watchdog")
      } catch {
        return false
      }
    })
    .map(Number)

const daemon = `setsid sh -c 'setsid sleep 300 & exit 0' ; `

describe("Branch.kill", () => {
  it("ends a child, a grandchild, a daemon and who left the session", () =>
    withTree(async (tree) => {
      const branch = tree.branch()
      await startIn(branch, `${daemon} setsid sleep 300 & sleep 300 & (sleep 300) & echo ready; wait`)
      expect(carriers(own(branch)).length).toBeGreaterThanOrEqual(5)
      await Effect.runPromise(branch.kill())
      expect(carriers(own(branch))).toEqual([])
    }))

  it("ends those who fork for as long as they live", () =>
    withTree(async (tree) => {
      const branch = tree.branch()
      await startIn(branch, `echo ready; hop() { sleep 0.005; hop & }; for i in 1 2 3 4; do hop & done`)
      await Effect.runPromise(branch.kill())
      expect(carriers(own(branch))).toEqual([])
    }))

  it("leaves the other branches alone", () =>
    withTree(async (tree) => {
      const one = tree.branch()
      const ten = Array.from({ length: 10 }, () => tree.branch()).at(-1)!
      await startIn(one, "echo ready; sleep 300")
      await startIn(ten, "echo ready; sleep 300")
      await Effect.runPromise(one.kill())
      expect(await Effect.runPromise(ten.count)).toBe(2)
    }))

  it("finds a tag behind 200 kB of other variables", () =>
    withTree(async (tree) => {
      const branch = tree.branch()
      const [name, value] = branch.variable
      const padding = Object.fromEntries(["A", "B"].map((letter) => [letter, letter.repeat(100_000)]))
      const child = spawn("sleep", ["300"], { env: { PATH: process.env["PATH"], ...padding, [name]: value }, stdio: "ignore" })
      const exit = once(child, "exit")
      await Effect.runPromise(branch.kill())
      expect(await exit).toEqual([null, "SIGKILL"])
    }))

  it("is done for a hundred branches in a few looks", () =>
    withTree(async (tree) => {
      const branches = await Promise.all(
        Array.from({ length: 30 }, async () => {
          const branch = tree.branch()
          await startIn(branch, "echo ready; sleep 300")
          return branch
        })
      )
      await Effect.runPromise(Effect.forEach(branches, (branch) => branch.kill(), { concurrency: "unbounded" }))
      expect(branches.flatMap((branch) => carriers(own(branch)))).toEqual([])
    }))

  // A process gives up its memory before its sockets, and with the memory its environment, by which it is known.
  it.each([
    ["in the group that is killed at once", ""],
    ["that left the session", "setsid "]
  ])("has seen the ports of a process %s closed, though it has much memory to give back first", (_name, leave) =>
    withTree(async (tree) => {
      const branch = tree.branch()
      const program = `global.held = Buffer.alloc(4e8, 1); require("net").createServer().listen(0, "127.0.0.1", function () { console.log("port", this.address().port, "ready") })`
      const { output, pid } = await startIn(branch, `${leave}'${process.execPath}' -e '${program}' & wait`)
      const listens = (): boolean => fs.readFileSync("/proc/net/tcp", "latin1").includes(` 0100007F:${hex} `)
      const hex = Number(/\d+/.exec(output())![0]).toString(16).toUpperCase().padStart(4, "0")
      const before = listens()
      await Effect.runPromise(branch.kill(pid))
      expect([before, listens()]).toEqual([true, false])
    })
  )

  it("gives how many it found to kill", () =>
    withTree(async (tree) => {
      const branch = tree.branch()
      await startIn(branch, "setsid sleep 300 & sleep 300 & echo ready; wait")
      expect(await Effect.runPromise(branch.kill())).toBe(3)
    }))

  it("has nothing to do where nobody was started", () =>
    withTree(async (tree) => {
      const branch = tree.branch()
      expect(await Effect.runPromise(branch.kill())).toBe(0)
      expect(await Effect.runPromise(branch.count)).toBe(0)
    }))
})

describe("Branch.signal", () => {
  it("reaches each process once, be it in the group or not, and counts them", () =>
    withTree(async (tree) => {
      const branch = tree.branch()
      // Each writes a letter for each signal.
      const listen = `trap 'printf x' USR1; echo ready; while :; do sleep 0.01; done`
      const { output, pid } = await startIn(branch, `setsid sh -c "${listen}" & ${listen}`, 2)
      // Their sleeps do not know the signal and end by it.
      const found = await Effect.runPromise(branch.signal("SIGUSR1", pid))
      expect(found).toBeGreaterThanOrEqual(2)
      await until(() => output().split("x").length > 2)
      await Effect.runPromise(branch.kill())
      expect(output().match(/x/g)).toEqual(["x", "x"])
    }))

  it("leaves alone what somebody starts to clean up when it gets it", () =>
    withTree(async (tree) => {
      for (let time = 0; time < 20; time++) {
        const branch = tree.branch()
        const { output, pid } = await startIn(
          branch,
          "trap 'sleep 0.05 && echo cleaned; exit' TERM; echo ready; while :; do sleep 0.01; done"
        )
        await Effect.runPromise(branch.signal("SIGTERM"))
        await until(() => output().includes("cleaned") || !fs.existsSync(`/proc/${pid}`))
        expect(output()).toContain("cleaned")
        await Effect.runPromise(branch.kill())
      }
    }))

  it("gives 0 where nobody is left", () =>
    withTree(async (tree) => {
      expect(await Effect.runPromise(tree.branch().signal("SIGTERM"))).toBe(0)
    }))
})

describe("Branch.count", () => {
  it("sees a process that becomes another program all the time, which has no environment while it does", () =>
    withTree(async (tree) => {
      const branch = tree.branch()
      const path = join(fs.mkdtempSync(join(tmpdir(), "skein-test-")), "restless")
      fs.writeFileSync(path, `#!/bin/sh\n[ -n "$1" ] || echo ready\nexec "$0" again\n`, { mode: 0o755 })
      await startIn(branch, `exec ${path}`)
      const counts = new Set<number>()
      for (let i = 0; i < 200; i++) counts.add(await Effect.runPromise(branch.count))
      expect([...counts]).toEqual([1])
      fs.rmSync(join(path, ".."), { recursive: true })
    }))
})

describe("a chain of processes, each of which lives for a millisecond and starts the next", () => {
  it("is seen by every look, and ends when it is killed", () =>
    withTree(async (tree) => {
      const branch = tree.branch()
      const path = join(fs.mkdtempSync(join(tmpdir(), "skein-test-")), "hop")
      fs.writeFileSync(path, `#!/bin/sh\n"$0" &\n`, { mode: 0o755 })
      await startIn(branch, `echo ready; exec ${path}`)
      let missed = 0
      for (let i = 0; i < 200; i++) if ((await Effect.runPromise(branch.count)) === 0) missed++
      await Effect.runPromise(branch.kill())
      expect([missed, carriers(own(branch))]).toEqual([0, []])
      fs.rmSync(join(path, ".."), { recursive: true })
    }))
})

describe("ProcessTree.make", () => {
  it("refuses a wrong option", () => {
    expect(() => ProcessTree.make({ idle: -1 })).toThrow("ProcessTree.make: idle must be a duration that is not negative, got -1")
    expect(() => ProcessTree.make({ ide: 1 } as never)).toThrow("unknown option")
  })

  it("kills what was not released when its scope closes, and leaves what was", async () => {
    const [left, killed] = await withTree(async (tree) => {
      const branches = [tree.branch(), tree.branch()] as const
      for (const branch of branches) await startIn(branch, `${daemon} echo ready`)
      branches[0].release()
      return branches
    })
    expect([carriers(own(left)).length, carriers(own(killed))]).toEqual([1, []])
    for (const pid of carriers(own(left))) killIfThere(pid)
  })

  it("has no watchdog without a branch, one for many, and none when its scope is closed", async () => {
    const scope = Effect.runSync(Scope.make())
    const tree = await Effect.runPromise(Scope.provide(ProcessTree.make(), scope))
    expect(watchdogs()).toEqual([])
    for (let i = 0; i < 5; i++) tree.branch()
    expect(watchdogs().length).toBe(1)
    await Effect.runPromise(Scope.close(scope, Exit.void))
    expect(watchdogs()).toEqual([])
  })

  it("ends an idle watchdog, and starts another for the next branch", () =>
    withTree(
      async (tree) => {
        tree.branch().release()
        const [first] = watchdogs()
        await until(() => watchdogs().length === 0)
        tree.branch()
        expect(watchdogs().length).toBe(1)
        expect(watchdogs()[0]).not.toBe(first)
      },
      { idle: "20 millis" }
    ))

  it("starts another watchdog when somebody kills it", () =>
    withTree(async (tree) => {
      tree.branch()
      const [first] = watchdogs()
      process.kill(first!, "SIGKILL")
      expect(await until(() => watchdogs().length === 1 && watchdogs()[0] !== first)).toBe(true)
    }))

  it("leaves no descriptor behind", async () => {
    const descriptors = (): number => fs.readdirSync("/proc/self/fd").length
    await withTree(async (tree) => void tree.branch())
    const before = descriptors()
    for (let i = 0; i < 5; i++) await withTree(async (tree) => void tree.branch())
    expect(descriptors()).toBe(before)
  })
})

describe("the watchdog", () => {
  /** A program that makes branches in which daemons run. It prints the tags and waits. */
  const program = `
    import { spawn } from "node:child_process"
    import { once } from "node:events"
    import * as Effect from "effect/Effect"
    import * as ProcessTree from "./src/ProcessTree.ts"
    const tree = await Effect.runPromise(Effect.provideService(ProcessTree.make(), (await import("effect/Scope")).Scope, (await import("effect/Scope")).makeUnsafe()))
    const branches = [tree.branch(), tree.branch(), tree.branch()]
    for (const branch of branches) {
      const [name, value] = branch.variable
      const child = spawn("sh", ["-c", ${JSON.stringify(`${daemon} echo ready; sleep 300`)}], { env: { ...process.env, [name]: value }, stdio: ["ignore", "pipe", "ignore"], detached: true })
      await once(child.stdout, "data")
    }
    branches[1].release()
    console.log(branches.map((branch) => branch.variable[1].split(",").at(-1)).join(" "))
    setInterval(() => {}, 1000)
  `
  const run = async (): Promise<{ readonly child: ChildProcess; readonly tags: ReadonlyArray<string> }> => {
    const cwd = fileURLToPath(new URL("..", import.meta.url))
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { cwd, stdio: ["ignore", "pipe", "inherit"] })
    children.push(child)
    const [data] = (await once(child.stdout!, "data")) as [Buffer]
    return { child, tags: data.toString().trim().split(" ") }
  }

  it.each(["SIGKILL", "SIGTERM", "SIGINT"] as const)("kills every branch that was not released after %s", async (signal) => {
    const { child, tags } = await run()
    const [first, released, third] = tags as [string, string, string]
    child.kill(signal)
    await until(() => carriers(first).length === 0 && carriers(third).length === 0)
    expect(carriers(released).length).toBe(3)
    for (const pid of carriers(released)) killIfThere(pid)
  })

  it("finds a tree inside a tree by the outer tag", () =>
    withTree(async (tree) => {
      const branch = tree.branch()
      const [name, value] = branch.variable
      const cwd = fileURLToPath(new URL("..", import.meta.url))
      const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
        cwd,
        env: { ...process.env, [name]: value },
        stdio: ["ignore", "pipe", "inherit"]
      })
      children.push(child)
      const [data] = (await once(child.stdout, "data")) as [Buffer]
      await Effect.runPromise(branch.kill())
      for (const tag of data.toString().trim().split(" ")) expect(carriers(tag)).toEqual([])
    }))
})
