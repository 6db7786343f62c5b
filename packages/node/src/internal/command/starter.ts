/**
 * Starts programs: the one thing that a command asks of the system in a way that may be replaced, by a process that spawns in the place of this one, say.
 *
 * Whoever starts a program owns it: a starter passes on what happens and stops nobody by itself.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process"
import * as fs from "node:fs"
import type { Readable, Writable } from "node:stream"

/** What is started. Everything in it is checked: no NUL, no `undefined` among the values of `env`. */
export interface Plan {
  /** Looked for along the `PATH` of `env` where it holds no slash. */
  readonly program: string
  readonly args: ReadonlyArray<string>
  /** An absolute path; left out, the working directory that this process has now. */
  readonly directory: string | undefined
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>
  readonly stdin: Input
  readonly stdout: Output
  readonly stderr: Output
}

/** Paths are absolute. */
export type Input = "ignore" | "inherit" | "pipe" | { readonly path: string }

/** Paths are absolute; `w` empties what is there, `a` adds to it, and both make what is not. */
export type Output = "ignore" | "inherit" | "pipe" | { readonly path: string; readonly flags: "w" | "a" }

/** How a program ended. Exactly one of the three is there. */
export interface End {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  /** Nobody can say how it ended: who had started it is gone. In words. */
  readonly lost?: string | undefined
}

/** A program that was started. It leads a session, and so a process group, of its own. */
export interface Child {
  readonly pid: number
  /** There if the plan says `pipe`. Their errors are the reader's and writer's to listen to; until then a starter keeps them from being thrown. */
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** Calls once, when it has ended and its process id may be taken by another; in a later turn if it has ended already. What it wrote may still be on its way. */
  readonly onEnd: (listener: (end: End) => void) => void
}

/** It was not started, and nothing of it ran. */
export interface Refusal {
  /** What could not be had: the program (or its directory), the file of a stream, or the one who starts. */
  readonly of: "program" | "stdin" | "stdout" | "stderr" | "starter"
  /** The system's word, such as `ENOENT`. */
  readonly code: string
  readonly message: string
}

export interface Starter {
  /** Called where it cannot be interrupted, so it must end by itself. If it fails, nothing is left: no process, no descriptor, no listener. */
  readonly start: (plan: Plan) => Effect.Effect<Child, Refusal>
}

const refusal = (of: Refusal["of"], error: unknown): Refusal => {
  const { code, message } = error as NodeJS.ErrnoException
  return { of, code: code ?? "UNKNOWN", message }
}

const ignore = (): void => {}

/** Spawns in this process. Costs this process's event loop a fork, which is the longer the more memory it has. */
const direct: Starter = {
  start: (plan) =>
    Effect.suspend(() => {
      const opened: Array<number> = []
      let of: Refusal["of"] = "stdin"
      let child: ChildProcess
      const open = (stream: Input | Output): "ignore" | "inherit" | "pipe" | number => {
        if (typeof stream === "string") return stream
        const fd = fs.openSync(stream.path, "flags" in stream ? stream.flags : "r", 0o666)
        opened.push(fd)
        return fd
      }
      try {
        const stdin = open(plan.stdin)
        of = "stdout"
        const stdout = open(plan.stdout)
        of = "stderr"
        // One opening for both, so that they share a place in the file and do not write over each other.
        const stderr = samePath(plan.stdout, plan.stderr) ? stdout : open(plan.stderr)
        of = "program"
        const stdio: StdioOptions = [stdin, stdout, stderr]
        child = spawn(plan.program, plan.args, { cwd: plan.directory, env: plan.env, stdio, detached: true })
      } catch (error) {
        return Effect.fail(refusal(of, error))
      } finally {
        for (const fd of opened) fs.closeSync(fd)
      }
      const { pid, stderr, stdin, stdout } = child
      stdin?.on("error", ignore)
      stdout?.on("error", ignore)
      stderr?.on("error", ignore)
      if (pid === undefined) {
        return Effect.callback<Child, Refusal>((resume) => {
          child.on("error", (error) => {
            stdin?.destroy()
            stdout?.destroy()
            stderr?.destroy()
            resume(Effect.fail(refusal("program", error)))
          })
        })
      }
      return Effect.succeed({
        pid,
        stdin,
        stdout,
        stderr,
        onEnd: (listener) => {
          const { exitCode, signalCode } = child
          if (exitCode !== null || signalCode !== null) queueMicrotask(() => listener({ exitCode, signal: signalCode }))
          else child.once("exit", (code, signal) => listener({ exitCode: code, signal }))
        }
      } satisfies Child)
    })
}

const samePath = (stdout: Output, stderr: Output): boolean =>
  typeof stdout === "object" && typeof stderr === "object" && stdout.path === stderr.path

/** Who starts the commands of a fiber. */
export const Current = Context.Reference<Starter>("@skein/node/internal/command/Starter", { defaultValue: () => direct })
