/** A shell that runs one job after another and tells how each ended. */
import { type ChildProcess, spawn } from "node:child_process"
import type { Readable, Writable } from "node:stream"
import { messageOf } from "./capture.ts"
import { answersFd, prelude } from "./slotScript.ts"

export type Answer =
  /** The shell's `$?`. */
  | { readonly status: number }
  /** The shell itself is gone, or could not be started. */
  | { readonly lost: string; readonly signal: NodeJS.Signals | null }

const cannotStart = (error: unknown): Answer => ({ lost: `its shell cannot be started: ${messageOf(error)}`, signal: null })

export class Shell {
  /** Undefined if it could not be started. It leads a session and a process group. */
  readonly pid: number | undefined
  /** It can take no further job. */
  dead = false
  private readonly input: Writable | undefined
  private text = ""
  private answered: ((answer: Answer) => void) | undefined
  private readonly closed: Promise<void>

  constructor(program: string, env: NodeJS.ProcessEnv) {
    let ended: Answer = { lost: "the shell of its slot is gone", signal: null }
    let child: ChildProcess | undefined
    try {
      child = spawn(program, [], { argv0: "sh", env, stdio: ["pipe", "ignore", "ignore", "pipe"], detached: true })
    } catch (error) {
      ended = cannotStart(error)
    }
    child?.on("error", (error) => (ended = cannotStart(error)))
    this.pid = child?.pid
    if (child === undefined || this.pid === undefined) {
      this.dead = true
      this.input = undefined
      this.closed = new Promise((resolve) =>
        setImmediate(() => {
          this.answer(ended)
          resolve()
        })
      )
      return
    }
    const answers = child.stdio[answersFd] as Readable
    const input = child.stdin!
    this.input = input
    answers.setEncoding("latin1")
    answers.on("data", (text: string) => this.read(text))
    answers.on("error", () => {})
    input.on("error", () => {})
    this.closed = new Promise((resolve) => {
      // It may die with a job in its hands, and the last answer on its way: that one counts.
      let open = 2
      const close = (): void => {
        if (--open > 0) return
        input.destroy()
        this.answer(ended)
        resolve()
      }
      child.on("exit", (code, signal) => {
        this.dead = true
        ended = { lost: `the shell of its slot ended with ${signal ?? code}`, signal }
        close()
      })
      answers.on("close", close)
    })
    input.write(prelude)
  }

  /** One job at a time. */
  run(script: string, answered: (answer: Answer) => void): void {
    this.answered = answered
    this.input?.write(script)
  }

  /** It ends when it has no job; resolves when it is gone. */
  async quit(): Promise<void> {
    this.input?.end()
    await this.closed
  }

  private read(text: string): void {
    this.text += text
    const end = this.text.indexOf("\n")
    if (end < 0) return
    const status = Number(this.text.slice(0, end))
    this.text = this.text.slice(end + 1)
    this.answer({ status })
  }

  private answer(answer: Answer): void {
    const { answered } = this
    this.answered = undefined
    answered?.(answer)
  }
}
