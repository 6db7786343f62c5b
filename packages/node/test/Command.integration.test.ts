// Real here: the programs that are run, and the files and directories they are given.
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as Command from "../src/Command.ts"
import { backends } from "./fixtures/commandBackends.ts"

let directory = ""
beforeEach(() => {
  directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "skein-test-")))
})
afterEach(() => fs.rmSync(directory, { recursive: true }))

const script = (text: string, args: ReadonlyArray<string> = [], options: Command.Options = {}): Command.Command =>
  Command.make(text, args, { shell: "sh", ...options })

describe.each(backends)("a command that is started $name", ({ provide }) => {
  const run = (command: Command.Command): Promise<Command.Output> => Effect.runPromise(provide(command))
  const fail = async (command: Command.Command): Promise<Command.Reason> => {
    const error = await Effect.runPromise(provide(Effect.flip(command)))
    expect(error._tag).toBe("CommandError")
    return error.reason
  }

  describe("its end", () => {
    it("gives what it wrote, its exit code and its process id", async () => {
      const output = await run(script("echo out; echo err >&2; echo $$"))
      expect(output).toMatchObject({ exitCode: 0, stdout: `out\n${output.pid}\n`, stderr: "err\n", dropped: { stdout: 0, stderr: 0 } })
    })

    it("runs again each time", async () => {
      const command = script("echo x >> runs; wc -l < runs", [], { directory })
      expect([(await run(command)).stdout.trim(), (await run(command)).stdout.trim()]).toEqual(["1", "2"])
    })

    it("fails with the exit code and the last words", async () => {
      expect(await fail(script("echo out; echo no such thing >&2; exit 3"))).toMatchObject({
        _tag: "NonZeroExit",
        code: 3,
        stdout: "out\n",
        stderr: "no such thing\n",
        message: "exit code 3: no such thing"
      })
    })

    it("names the command in the message, without its secrets", async () => {
      const error = await Effect.runPromise(provide(Effect.flip(Command.make("sh", ["-c", "exit 4", Redacted.make("hunter2")]))))
      expect(error.message).toBe("sh -c 'exit 4' <redacted>: exit code 4")
    })

    it("is a success with a code that was allowed", async () => {
      expect((await run(script("exit 3", [], { okCodes: [0, 3] }))).exitCode).toBe(3)
      expect(await fail(script("exit 0", [], { okCodes: [3] }))).toMatchObject({ _tag: "NonZeroExit", code: 0 })
    })

    it.each(["SIGKILL", "SIGTERM", "SIGSEGV"] as const)("fails when %s ends it", async (signal) => {
      expect(await fail(script(`kill -${signal.slice(3)} $$`))).toMatchObject({ _tag: "Signaled", signal })
    })

    it("fails with Signaled when it kills itself after it has written all it had to", async () => {
      expect(await fail(script(`echo all; kill -KILL $$`))).toMatchObject({ _tag: "Signaled", stdout: "all\n" })
    })
  })

  describe("what cannot be started", () => {
    it.each([
      [
        "a program that is not along PATH",
        () => Command.make("no-such-program-here"),
        { _tag: "NotFound", program: "no-such-program-here" }
      ],
      ["a path to nothing", () => Command.make("/no/such/program"), { _tag: "NotFound", message: "no such program: /no/such/program" }],
      [
        "a missing directory",
        () => Command.make("true", [], { directory: "/no/such/directory" }),
        { _tag: "NoDirectory", directory: "/no/such/directory" }
      ],
      [
        "a file as directory",
        () => Command.make("true", [], { directory: "/etc/passwd" }),
        { _tag: "NoDirectory", message: "not a directory: /etc/passwd" }
      ],
      ["a file that is no program", () => Command.make("/etc/passwd"), { _tag: "PermissionDenied", path: "/etc/passwd" }],
      ["a directory as program", () => Command.make("/etc"), { _tag: "PermissionDenied", path: "/etc" }],
      ["a missing shell", () => Command.make("true", [], { shell: "no-such-shell" }), { _tag: "NotFound", program: "no-such-shell" }],
      ["an argument of 300 kB", () => Command.make("true", ["x".repeat(300_000)]), { _tag: "SpawnFailed", code: "E2BIG" }],
      [
        "an environment of 300 kB",
        () => Command.make("true", [], { env: { A: "x".repeat(300_000) } }),
        { _tag: "SpawnFailed", code: "E2BIG" }
      ],
      [
        "a missing input",
        () => Command.make("cat", [], { stdin: { file: "/no/such/file" } }),
        { _tag: "FileFailed", of: "stdin", code: "ENOENT" }
      ],
      [
        "a file for its output in no directory",
        () => Command.make("true", [], { stdout: { file: "/no/such/file" } }),
        { _tag: "FileFailed", of: "stdout", path: "/no/such/file" }
      ],
      [
        "a directory as file for its errors",
        () => Command.make("true", [], { stderr: { file: "/etc" } }),
        { _tag: "FileFailed", of: "stderr", code: "EISDIR" }
      ],
      ["a record in no directory", () => Command.make("true", [], { record: "/etc/passwd/x" }), { _tag: "FileFailed", of: "record" }],
      ["a missing program with a umask", () => Command.make("no-such-program-here", [], { umask: 0o22 }), { _tag: "NotFound" }],
      ["no program with a umask", () => Command.make("/etc/passwd", [], { umask: 0o22 }), { _tag: "PermissionDenied" }]
    ])("fails for %s", async (_name, command, reason) => {
      expect(await fail(command())).toMatchObject(reason)
    })

    it("says that a script's interpreter is missing, not the script", async () => {
      const path = join(directory, "script")
      fs.writeFileSync(path, "#!/no/such/interpreter\n", { mode: 0o755 })
      expect((await fail(Command.make(path))).message).toBe(`no such interpreter as it names: ${path}`)
    })

    it("refuses a named pipe, which would hold everything up", async () => {
      const path = join(directory, "pipe")
      await run(Command.make("mkfifo", [path]))
      expect(await fail(Command.make("cat", [], { stdin: { file: path } }))).toMatchObject({ _tag: "FileFailed", code: "ENXIO" })
    })
  })

  describe("its arguments", () => {
    const awkward = ["two words", "it's", '"', "new\nline", "-n", "--", "", "$HOME", "*", "\\", "ünïcödé", "`id`", "\t"]

    it("arrive as they are", async () => {
      expect((await run(Command.make("printf", ["%s\\0", ...awkward]))).stdout.split("\0").slice(0, -1)).toEqual(awkward)
    })

    it("arrive as they are through a umask and as parameters of a shell", async () => {
      const parameters = await run(script(`printf '%s\\0' "$@"`, awkward))
      const masked = await run(Command.make("printf", ["%s\\0", ...awkward], { umask: 0o27 }))
      expect([parameters, masked].map(({ stdout }) => stdout.split("\0").slice(0, -1))).toEqual([awkward, awkward])
    })

    it("may have 100 kB", async () => {
      expect((await run(Command.make("printf", ["%s", "x".repeat(100_000)]))).stdout.length).toBe(100_000)
    })

    it("show their secrets to the program", async () => {
      expect((await run(Command.make("printf", ["%s", Redacted.make("hunter2")]))).stdout).toBe("hunter2")
    })
  })

  describe("its surroundings", () => {
    it("are the environment of this process as it is when the command runs, with any name", async () => {
      const command = script(`echo $MINE; env | grep __proto__`, [], { env: Object.fromEntries([["__proto__", "own"]]) })
      const seen: Array<string> = []
      try {
        for (const text of ["1", "2"]) {
          process.env["MINE"] = text
          seen.push((await run(command)).stdout)
        }
      } finally {
        delete process.env["MINE"]
      }
      expect(seen).toEqual(["1\n__proto__=own\n", "2\n__proto__=own\n"])
    })

    it("are the directory, the environment and the umask that were asked for", async () => {
      const output = await run(
        script("pwd; echo $MINE; umask; echo ${HOME-none}", [], { directory, env: { MINE: "1", HOME: undefined }, umask: 0o27 })
      )
      expect(output.stdout).toBe(`${directory}\n1\n0027\nnone\n`)
    })

    it("are those of this process otherwise", async () => {
      expect((await run(script("pwd; echo $HOME"))).stdout).toBe(`${process.cwd()}\n${process.env["HOME"]}\n`)
    })

    it("hold nothing but the tag beside what replaces the environment", async () => {
      const { stdout } = await run(Command.make("/usr/bin/env", [], { env: { MINE: "1" }, environment: "replace" }))
      expect(
        stdout
          .trim()
          .split("\n")
          .map((line) => line.split("=")[0])
          .sort()
      ).toEqual(["MINE", "SKEIN_TREE"])
    })

    it("look for the program along the PATH that it gets", async () => {
      fs.writeFileSync(join(directory, "mine"), "#!/bin/sh\necho found\n", { mode: 0o755 })
      expect((await run(Command.make("mine", [], { env: { PATH: `${directory}:/bin` } }))).stdout).toBe("found\n")
    })

    it("are recorded as a script that does the same", async () => {
      const record = join(directory, "record")
      const command = Command.make("printf", ["%s|", "it's", "a b", Redacted.make("hunter2")], { directory: "/", record })
      await run(command)
      const path = join(record, "command.sh")
      expect(fs.readFileSync(path, "utf8")).not.toContain("hunter2")
      expect((await run(Command.make(path))).stdout).toBe("it's|a b|<redacted>|")
    })
  })

  describe("its input", () => {
    it("is empty by default, and for a pipe that nobody has", async () => {
      expect([(await run(Command.make("cat"))).stdout, (await run(Command.make("cat", [], { stdin: "pipe" }))).stdout]).toEqual(["", ""])
    })

    it("is a text, bytes, a file or chunks", async () => {
      const path = join(directory, "input")
      fs.writeFileSync(path, "file")
      const chunks = async function* () {
        yield "chu"
        yield new TextEncoder().encode("nks")
      }
      const inputs: ReadonlyArray<Command.Stdin> = [
        { text: "tëxt" },
        { bytes: new Uint8Array([98, 0, 255]) },
        { file: path },
        { chunks: chunks() },
        { chunks: ["a", "b"] }
      ]
      const outputs = await Promise.all(inputs.map((stdin) => run(Command.make("cat", [], { stdin }))))
      expect(outputs.map(({ stdoutBytes }) => Buffer.from(stdoutBytes).toString("latin1"))).toEqual([
        "tÃ«xt",
        "b\0ÿ",
        "file",
        "chunks",
        "ab"
      ])
    })

    it("goes through whole, however much it is", async () => {
      const megabyte = new Uint8Array(1024 * 1024)
      const chunks = function* () {
        for (let i = 0; i < 8; i++) yield megabyte
      }
      expect((await run(Command.make("wc", ["-c"], { stdin: { chunks: chunks() } }))).stdout.trim()).toBe(String(8 * 1024 * 1024))
    })

    it("may be left unread", async () => {
      const much = "x".repeat(1024 * 1024)
      expect((await run(Command.make("true", [], { stdin: { text: much } }))).exitCode).toBe(0)
      expect((await run(Command.make("head", ["-c", "1"], { stdin: { text: much } }))).stdout).toBe("x")
      expect((await run(script("exec <&-; echo closed", [], { stdin: { text: much } }))).stdout).toBe("closed\n")
    })

    it("tells a source that nobody wants more", async () => {
      const said: Array<string> = []
      const chunks = async function* () {
        try {
          for (;;) yield "x".repeat(100_000)
        } finally {
          said.push("left")
        }
      }
      expect((await run(Command.make("head", ["-c", "1"], { stdin: { chunks: chunks() } }))).stdout).toBe("x")
      expect(said).toEqual(["left"])
    })

    it("that fails stops the program before it sees an end", async () => {
      const chunks = async function* () {
        yield "half"
        throw new Error("no more")
      }
      const path = join(directory, "complete")
      const command = script(`cat > /dev/null; echo complete > "$1"`, [path], { stdin: { chunks: chunks() } })
      expect(await fail(command)).toMatchObject({ _tag: "StdinFailed", message: "its input failed: no more" })
      expect(fs.existsSync(path)).toBe(false)
    })
  })

  describe("its output", () => {
    it("is kept byte by byte", async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
      const output = await run(Command.make("cat", [], { stdin: { bytes } }))
      expect([...output.stdoutBytes]).toEqual([...bytes])
    })

    it("may close early", async () => {
      expect((await run(script("echo out; exec >&- 2>&-; sleep 0.05"))).stdout).toBe("out\n")
    })

    it("fails beyond the bound by default, and stops the program", async () => {
      expect(await fail(Command.make("yes", [], { maxBytes: 1000 }))).toMatchObject({
        _tag: "OutputTooLarge",
        stream: "stdout",
        maxBytes: 1000
      })
      expect(await fail(script("yes >&2", [], { maxBytes: 1000 }))).toMatchObject({ _tag: "OutputTooLarge", stream: "stderr" })
    })

    it("is whole at exactly the bound", async () => {
      expect((await run(Command.make("printf", ["12345"], { maxBytes: 5 }))).stdout).toBe("12345")
      expect(await fail(Command.make("printf", ["12345"], { maxBytes: 4 }))).toMatchObject({ _tag: "OutputTooLarge" })
    })

    it("keeps the first or the last bytes of 50 MB, and counts the others", async () => {
      const text = (overflow: "head" | "tail") =>
        script("echo first; head -c 50000000 /dev/zero; echo last", [], { maxBytes: 10, overflow })
      const [head, tail] = [await run(text("head")), await run(text("tail"))]
      expect([head.stdout, tail.stdout]).toEqual(["first\n\0\0\0\0", "\0\0\0\0\0last\n"])
      expect([head.dropped.stdout, tail.dropped.stdout]).toEqual([50_000_001, 50_000_001])
    })

    it("keeps many small pieces together", async () => {
      const { stdout } = await run(
        script("i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done", [], { maxBytes: 1000, overflow: "tail" })
      )
      const all = Array.from({ length: 3000 }, (_, i) => `${i}\n`).join("")
      expect(stdout).toBe(all.slice(-1000))
    })

    it("goes to files, which are emptied or added to", async () => {
      const [out, err] = [join(directory, "out"), join(directory, "err")]
      const command = (n: number) =>
        script(`echo ${n}; echo ${n} >&2`, [], { stdout: { file: out }, stderr: { file: err, write: "append" } })
      expect((await run(command(1))).stdout).toBe("")
      await run(command(2))
      expect([fs.readFileSync(out, "utf8"), fs.readFileSync(err, "utf8")]).toEqual(["2\n", "1\n2\n"])
    })

    it("goes in order to one file for both", async () => {
      const file = join(directory, "both")
      await run(script("echo 1; echo 2 >&2; echo 3", [], { stdout: { file }, stderr: { file } }))
      expect(fs.readFileSync(file, "utf8")).toBe("1\n2\n3\n")
    })

    it("is not waited for when a process that was left behind keeps it open", async () => {
      const { stdout } = await run(script("echo out; sleep 20 & echo $!"))
      const [out, pid] = stdout.split("\n")
      process.kill(Number(pid), "SIGKILL")
      expect(out).toBe("out")
    })
  })

  describe("timeout", () => {
    it("stops it and fails with what it had written", async () => {
      const reason = await fail(script("echo before; sleep 20", [], { timeout: "100 millis" }))
      expect(reason).toMatchObject({ _tag: "TimedOut", stdout: "before\n", message: "took longer than 100ms: before" })
    })

    it("does not hurt who ends in time", async () => {
      expect((await run(script("exit 0", [], { timeout: "1 minute" }))).exitCode).toBe(0)
    })

    it("of 40 days is none that Node's timers cut short", async () => {
      expect((await run(script("sleep 0.05", [], { timeout: "40 days" }))).exitCode).toBe(0)
    })
  })
})
