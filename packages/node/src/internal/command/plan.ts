/** Makes of a command what is started, and of a refusal to start it the reason. */
import * as Effect from "effect/Effect"
import * as CommandLine from "effect/process/CommandLine"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import { join, resolve } from "node:path"
import { FileFailed, NoDirectory, NoNamespace, NotFound, PermissionDenied, type Reason, SpawnFailed } from "./failure.ts"
import type { Spec, Stdin, Stdout } from "./options.ts"
import type { Input, Output, Plan, Refusal } from "./starter.ts"

/** A command as far as starting it goes. */
export interface Line {
  readonly program: string
  readonly args: ReadonlyArray<CommandLine.Word>
  readonly spec: Spec
}

const open = (word: CommandLine.Word): string => (Redacted.isRedacted(word) ? Redacted.value(word) : word)

/** Makes the plan. `variable` is the tag of its tree. */
export const planOf = (line: Line, variable: readonly [name: string, value: string]): Effect.Effect<Plan, Reason> => {
  const { program, spec } = line
  const args = line.args.map(open)
  const plan: Plan = {
    program,
    args,
    directory: spec.directory === undefined ? undefined : resolve(spec.directory),
    env: environment(spec, variable),
    stdin: inputOf(spec.stdin),
    stdout: outputOf(spec.stdout),
    stderr: outputOf(spec.stderr)
  }
  const shelled = spec.shell === undefined ? plan : { ...plan, program: spec.shell, args: ["-c", program, spec.shell, ...args] }
  const simple = spec.umask === undefined && spec.tree === "tag"
  if (simple && spec.record === undefined && !namesFile(spec)) return Effect.succeed(shelled)
  return Effect.gen(function* () {
    yield* checkFiles(shelled)
    if (spec.record !== undefined) yield* record(spec.record, line)
    if (simple) return shelled
    // Behind another program nobody could tell whether this one was not there or exited with 127; so it is looked for here.
    let { program, args } = yield* located(shelled)
    if (spec.umask !== undefined) {
      args = ["-c", `umask ${spec.umask.toString(8).padStart(4, "0")}; exec "$@"`, "sh", program, ...args]
      program = "/bin/sh"
    }
    if (spec.tree === "namespace") {
      // The first process of a namespace ignores signals that it does not handle. So that is a shell, which waits; the `exit` keeps it from becoming the program.
      args = [...(yield* namespaceFlags), "--", "/bin/sh", "-c", `"$@"; exit $?`, "sh", program, ...args]
      program = "unshare"
    }
    return { ...shelled, program, args }
  })
}

/** Has no prototype, so that any name is one of a variable. */
const environment = (spec: Spec, [name, value]: readonly [string, string]): Record<string, string> => {
  const env = Object.create(null) as Record<string, string>
  if (spec.environment === "extend") {
    const own = process.env
    // A spread asks the system three times for each variable; this takes half the time.
    for (const key of Object.getOwnPropertyNames(own)) env[key] = own[key]!
  }
  for (const key in spec.env) {
    const text = spec.env[key]
    if (text === undefined) delete env[key]
    else env[key] = text
  }
  env[name] = value
  return env
}

const inputOf = (stdin: Stdin): Input => {
  if (stdin === "ignore" || stdin === "inherit") return stdin
  return typeof stdin === "object" && "file" in stdin ? { path: resolve(stdin.file) } : "pipe"
}

const outputOf = (stdout: Stdout): Output => {
  if (stdout === "capture") return "pipe"
  if (typeof stdout === "string") return stdout
  return { path: resolve(stdout.file), flags: stdout.write === "append" ? "a" : "w" }
}

const namesFile = ({ stderr, stdin, stdout }: Spec): boolean =>
  typeof stdout === "object" || typeof stderr === "object" || (typeof stdin === "object" && "file" in stdin)

/** Opening a named pipe waits for its other end, and holds the whole event loop meanwhile. */
const checkFiles = (plan: Plan): Effect.Effect<void, FileFailed> =>
  Effect.suspend(() => {
    for (const name of ["stdin", "stdout", "stderr"] as const) {
      const stream = plan[name]
      if (typeof stream === "object" && fs.statSync(stream.path, { throwIfNoEntry: false })?.isFIFO() === true) {
        return Effect.fail(new FileFailed({ of: name, path: stream.path, code: "ENXIO", message: `a named pipe: ${stream.path}` }))
      }
    }
    return Effect.void
  })

const record = (directory: string, line: Line): Effect.Effect<void, FileFailed> =>
  Effect.suspend(() => {
    const path = join(resolve(directory), "command.sh")
    try {
      fs.mkdirSync(resolve(directory), { recursive: true })
      fs.writeFileSync(path, scriptOf(line), { mode: 0o777 })
      return Effect.void
    } catch (error) {
      const { code = "UNKNOWN", message } = error as NodeJS.ErrnoException
      return Effect.fail(new FileFailed({ of: "record", path, code, message }))
    }
  })

/** A script that does the same, up to the environment and what was hidden. */
const scriptOf = ({ args, program, spec }: Line): string => {
  const words = [...(spec.shell === undefined ? [program] : [spec.shell, "-c", program, spec.shell]), ...args]
  const command = wordsOf(words.map((word) => (Redacted.isRedacted(word) ? "<redacted>" : word)))
  const directory = spec.directory === undefined ? "" : `cd ${wordsOf(["--", resolve(spec.directory)])} || exit 1\n`
  const umask = spec.umask === undefined ? "" : `umask ${spec.umask.toString(8).padStart(4, "0")}\n`
  return `#!/bin/sh\n${directory}${umask}exec ${command}\n`
}

const wordsOf = (words: ReadonlyArray<string>): string => words.map((word) => Result.getOrThrow(CommandLine.quote(word))).join(" ")

/** The program with its whole path. */
const located = (plan: Plan): Effect.Effect<Plan, Reason> =>
  Effect.suspend(() => {
    const directory = plan.directory ?? process.cwd()
    const paths = plan.program.includes("/")
      ? [resolve(directory, plan.program)]
      : (plan.env["PATH"] ?? "/usr/bin:/bin").split(":").map((part) => resolve(directory, part, plan.program))
    let denied = false
    for (const path of paths) {
      try {
        fs.accessSync(path, fs.constants.X_OK)
        if (fs.statSync(path).isFile()) return Effect.succeed({ ...plan, program: path })
        denied = true
      } catch (error) {
        denied ||= (error as NodeJS.ErrnoException).code === "EACCES"
      }
    }
    const refusal: Refusal = { of: "program", code: denied ? "EACCES" : "ENOENT", message: "" }
    return Effect.fail(reasonOf(refusal, plan))
  })

const flags = ["--fork", "--pid", "--kill-child=SIGKILL"]

let allowed: ReadonlyArray<string> | undefined

/** What `unshare` must be told here; tried once, since its own failure looks like that of the program. */
const namespaceFlags: Effect.Effect<ReadonlyArray<string>, NoNamespace> = Effect.suspend(() => {
  if (allowed !== undefined) return Effect.succeed(allowed)
  const attempt = (tried: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, NoNamespace> =>
    Effect.callback((resume) => {
      execFile("unshare", [...tried, "--", "/bin/true"], (error, _stdout, stderr) => {
        if (error === null) resume(Effect.succeed((allowed = tried)))
        else resume(Effect.fail(new NoNamespace({ message: stderr.trim() === "" ? error.message : stderr.trim() })))
      })
    })
  // Without privileges a namespace of users must come with it.
  return Effect.catch(attempt(flags), () => attempt(["--user", "--map-current-user", ...flags]))
})

/** Why it was not started. The system's word alone does not say what it is about. */
export const reasonOf = (refusal: Refusal, plan: Plan): Reason => {
  const { code, message, of } = refusal
  if (of === "stdin" || of === "stdout" || of === "stderr") {
    const stream = plan[of]
    return new FileFailed({ of, path: typeof stream === "object" ? stream.path : of, code, message })
  }
  if (of === "program" && (code === "ENOENT" || code === "EACCES" || code === "ENOTDIR")) {
    const directory = plan.directory
    if (directory !== undefined) {
      const state = directoryState(directory)
      if (state === "denied") return new PermissionDenied({ path: directory, message: `not to be entered by this user: ${directory}` })
      if (state !== "there")
        return new NoDirectory({ directory, message: `${state === "missing" ? "no such directory" : "not a directory"}: ${directory}` })
    }
    const { program } = plan
    if (code === "EACCES") return new PermissionDenied({ path: program, message: `not to be run by this user: ${program}` })
    const there = program.includes("/") && fs.existsSync(resolve(directory ?? ".", program))
    return new NotFound({ program, message: `${there ? "no such interpreter as it names" : "no such program"}: ${program}` })
  }
  return new SpawnFailed({ code, message: code === "E2BIG" ? "its arguments and environment are too long" : message })
}

const directoryState = (path: string): "there" | "missing" | "other" | "denied" => {
  try {
    if (!fs.statSync(path).isDirectory()) return "other"
    fs.accessSync(path, fs.constants.X_OK)
    return "there"
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES" ? "denied" : "missing"
  }
}
