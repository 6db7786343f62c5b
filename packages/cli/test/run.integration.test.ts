// Real here: the program in a process of its own, its shells, and everything it starts.
import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { folder, skein, start, until } from "./skein.ts"

const file = folder()
const write = (name: string, text: string | Uint8Array): string => {
  const path = file(name)
  writeFileSync(path, text)
  return path
}
const sorted = (text: string): ReadonlyArray<string> => text.trimEnd().split("\n").toSorted()
const script = (text: string): string => {
  const path = write("script.sh", `#!/bin/sh\n${text}\n`)
  chmodSync(path, 0o755)
  return path
}

describe.each([["in slots"], ["--exact"]])("a run, %s,", (how) => {
  const flags = how === "--exact" ? ["--exact"] : []
  const run = (...args: ReadonlyArray<string>) => skein(["run", ...flags, ...args])

  it("gives each argument to a command of its own, whatever is in it", async () => {
    const odd = ["a b", "c'd", 'e"f', "-g", "--", "h\ni", "$(j)", "`k`", "*", "", "ü€😀"]
    const { code, stdout } = await run("-k", "--", "printf", "[%s]", "{}", ":::", ...odd)
    expect([code, stdout]).toEqual([0, odd.map((text) => `[${text}]`).join("")])
  })

  it("reads lines, and counts the last one that does not end", async () => {
    const { stdout } = await skein(["run", ...flags, "-k", "--", "echo", "got", "{}"], { stdin: "one\ntwo\nthree" })
    expect(stdout).toBe("got one\ngot two\ngot three\n")
  })

  it("keeps standard output and standard error of a job apart, and each in one piece", async () => {
    const noisy = script('for i in 1 2 3 4 5; do echo "$1 out $i"; echo "$1 err $i" >&2; done')
    const { stderr, stdout } = await run("-q", "-j4", "--", noisy, "{}", ":::", "a", "b", "c", "d")
    const blocks = (text: string): ReadonlyArray<string> =>
      text.match(/(?:.*\n){5}/g)!.map((block) => (new Set(block.split("\n").map((line) => line[0])).size === 2 ? "whole" : "mixed"))
    expect([...blocks(stdout), ...blocks(stderr)]).toEqual(Array(8).fill("whole"))
  })

  it("exits with the number of jobs that failed, and tells them apart", async () => {
    const { code, stderr } = await run("--summary=always", "--shell", "--", "exit {}", ":::", "0", "3", "4")
    expect(code).toBe(2)
    expect(stderr).toMatch(/2 of 3 jobs failed/)
    expect(stderr).toMatch(/#2\s+exit 3\s+exit 3/)
  })

  it("says 127 of a program that is not there and 126 of one that may not be run, and starts the others", async () => {
    const log = file("log.json")
    const { code } = await run("-q", "--joblog", log, "--", "{}", ":::", "/no/such/program", write("plain", "x"), "true")
    const records = readFileSync(log, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { seq: number; exit: number; why: string })
    expect(code).toBe(2)
    expect(records.toSorted((a, b) => a.seq - b.seq).map(({ exit, why }) => [why, exit])).toEqual([
      ["not-found", 127],
      ["denied", 126],
      ["exit", 0]
    ])
  })

  it("never calls a job that a signal ended a success", async () => {
    const { code, stderr } = await run("--shell", "--", "kill -9 $$ {}", ":::", "x")
    expect(code).toBe(1)
    expect(stderr).toContain("SIGKILL")
  })

  it("tries again what failed, and then calls it a success", async () => {
    const counter = file("counter")
    const flaky = script(`echo x >> ${counter}; test $(wc -l < ${counter}) -ge 3`)
    expect((await run("--retries", "5", "--backoff", "1ms", "--", flaky, ":::", "x")).code).toBe(0)
    expect(readFileSync(counter, "utf8")).toBe("x\nx\nx\n")
  })

  it("stops what takes too long, with all that it started", async () => {
    const pids = file("pids")
    const slow = script(`sleep 1000 & echo $! >> ${pids}; setsid sleep 1000 & echo $! >> ${pids}; wait`)
    const { code, stderr } = await run("--timeout", "300ms", "--", slow, ":::", "x")
    expect(code).toBe(1)
    expect(stderr).toMatch(/1 of 1 job failed|timed out/)
    const alive = readFileSync(pids, "utf8")
      .trim()
      .split("\n")
      .filter((pid) => isAlive(Number(pid)))
    expect(alive).toEqual([])
  })

  it("leaves alone what a command that ended well left running", async () => {
    const pid = file("pid")
    const leaves = script(`setsid sleep 1000 > /dev/null 2>&1 & echo $! > ${pid}`)
    expect((await run("--", leaves, ":::", "x")).code).toBe(0)
    const left = Number(readFileSync(pid, "utf8"))
    expect(isAlive(left)).toBe(true)
    process.kill(left)
  })

  it("numbers its slots from 1 to the bound, and its jobs in the order of the input", async () => {
    const { stdout } = await run(
      "-k",
      "-j2",
      "--",
      "sh",
      "-c",
      'echo "$SKEIN_SEQ $1 $((SKEIN_SLOT <= 2)) $2"',
      "sh",
      "{#}",
      "{}",
      ":::",
      "a",
      "b",
      "c"
    )
    expect(stdout).toBe("1 1 1 a\n2 2 1 b\n3 3 1 c\n")
  })
})

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

describe("output", () => {
  it("comes line by line where that is asked for, with each line whole and tagged", async () => {
    const { stdout } = await skein([
      "run",
      "-j2",
      "-o",
      "line",
      "--tag",
      "--",
      "sh",
      "-c",
      "echo one; sleep 0.05; printf two",
      "sh",
      "{}",
      ":::",
      "a",
      "b"
    ])
    expect(sorted(stdout)).toEqual(["a\tone", "a\ttwo", "b\tone", "b\ttwo"])
  })

  it("comes as one JSON record a job", async () => {
    const { code, stdout } = await skein(["run", "-q", "-k", "-o", "json", "--shell", "--", "echo {}; exit {}", ":::", "0", "3"])
    const records = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(code).toBe(1)
    expect(records.map(({ exit, seq, stdout }) => [seq, exit, stdout])).toEqual([
      [1, 0, "0\n"],
      [2, 3, "3\n"]
    ])
  })

  it("goes to a directory for each job", async () => {
    const dir = file("results")
    await skein(["run", "--results", dir, "--", "sh", "-c", "echo $1; echo $1 >&2", "sh", "{}", ":::", "a", "b"])
    const found = readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith("stdout"))
    expect(found.map((path) => readFileSync(join(dir, path), "utf8")).toSorted()).toEqual(["a\n", "b\n"])
  })

  it("that nobody reads any more ends the run, in silence and with the code of SIGPIPE", async () => {
    const run = start(["run", "-j2", "--", "echo", "{}"], {})
    const feed = setInterval(() => run.child.stdin!.write("x\n"), 1)
    await until(() => run.stdout() !== "")
    run.child.stdout!.destroy()
    const { code, stderr } = await run.done
    clearInterval(feed)
    expect([code, stderr]).toEqual([141, ""])
  })

  it("of a dry run that nobody reads any more ends it in the same way", async () => {
    const run = start(["run", "--dry-run", "--", "echo"])
    const feed = setInterval(() => run.child.stdin!.write("x\n"), 1)
    await until(() => run.stdout() !== "")
    run.child.stdout!.destroy()
    const { code, stderr } = await run.done
    clearInterval(feed)
    expect([code, stderr]).toEqual([141, ""])
  })

  it("of a dry run that cannot be written is an error", () => {
    const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))
    const words = ["-c", '"$@" > /dev/full', "sh", process.execPath, main, "run", "--dry-run", "--", "echo", ":::", "a"]
    const { status, stderr } = spawnSync("sh", words, { encoding: "utf8" })
    expect([status, stderr]).toEqual([255, "skein run: standard output: the disk is full\n"])
  })

  it("that cannot be written ends the run and says so", async () => {
    const { code, stderr } = await skein(["run", "--shell", "--", "echo {} > /dev/stdout", ":::", "a"], {})
    expect([code, stderr]).toEqual([0, ""])
    const full = await skein(["run", "--joblog", "/dev/full", "--", "true", ":::", "a", "b"])
    expect(full.code).toBe(255)
    expect(full.stderr).toMatch(/job log \/dev\/full: the disk is full/)
  })

  it("is passed through unchanged where jobs inherit it", async () => {
    const { stdout } = await skein(["run", "-o", "inherit", "--", "echo", "{}", ":::", "a"])
    expect(stdout).toBe("a\n")
  })
})

describe("input", () => {
  it("of records gives fields by name", async () => {
    const csv = 'name,age\nAnn,3\n"B, ""b""",4\n'
    const { stdout } = await skein(["run", "-k", "-f", "csv", "--", "echo", "{name} is {age}"], { stdin: csv })
    expect(stdout).toBe('Ann is 3\nB, "b" is 4\n')
    const json = await skein(["run", "-k", "-f", "ndjson", "--", "echo", "{a.b}"], { stdin: '{"a":{"b":"x y"}}\n' })
    expect(json.stdout).toBe("x y\n")
  })

  it("of several sources is crossed, or linked", async () => {
    const crossed = await skein(["run", "-k", "--", "echo", "{1}{2}", ":::", "a", "b", ":::", "1", "2"])
    expect(crossed.stdout).toBe("a1\na2\nb1\nb2\n")
    const linked = await skein(["run", "-k", "--", "echo", "{1}{2}", ":::", "a", "b", ":::+", "1", "2"])
    expect(linked.stdout).toBe("a1\nb2\n")
  })

  it("reaches the command on its standard input where that is asked for", async () => {
    const { stdout } = await skein(["run", "-k", "--to-stdin", "--", "tr", "a-z", "A-Z", ":::", "one", "two"])
    expect(stdout).toBe("ONE\nTWO\n")
  })

  it("is never code, not in a script either", async () => {
    const evil = ["$(touch pwned)", "`touch pwned`", "'; touch pwned; '", '"; touch pwned; "', "x\ntouch pwned", "&& touch pwned"]
    const cwd = file("dir")
    mkdirSync(cwd)
    const templates = ["printf '%s\\0' {}", "printf '%s\\0' \"{}\"", "printf '%s\\0' '{}'", "printf '%s\\0' \"$(printf %s {})\""]
    for (const template of templates) {
      const { stdout } = await skein(["run", "-k", "--shell", "--", template, ":::", ...evil], { cwd })
      expect(stdout).toBe(evil.map((text) => `${text}\0`).join(""))
    }
    expect(readdirSync(cwd)).toEqual([])
  })

  it("that is no text is refused with its line, and what came before it is run", async () => {
    const { code, stderr, stdout } = await skein(["run", "--", "echo", "{}"], { stdin: new Uint8Array([0x61, 10, 0xff, 10]) })
    expect([code, stdout]).toEqual([255, "a\n"])
    expect(stderr).toMatch(/standard input, line 2: /)
  })

  it("of a record without the field is refused, or left out where that is asked for", async () => {
    const stdin = '{"a":1}\n{"b":2}\n{"a":3}\n'
    const run = (...flags: ReadonlyArray<string>) => skein(["run", "-k", "-f", "ndjson", ...flags, "--", "echo", "{a}"], { stdin })
    expect(await run()).toMatchObject({ code: 255, stdout: "1\n" })
    const skipping = await run("--on-bad-input", "skip")
    expect([skipping.code, skipping.stdout]).toEqual([0, "1\n3\n"])
    expect(skipping.stderr).toMatch(/left out: input 2 has no field "a"/)
  })

  it("of an argument that is no text is refused", async () => {
    const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))
    const command = `"$1" "$2" run -- echo ::: "$(printf 'a\\377')"`
    const done = spawnSync("sh", ["-c", command, "sh", process.execPath, main], { encoding: "utf8" })
    expect([done.status, done.stdout]).toEqual([255, ""])
    expect(done.stderr).toMatch(/an argument is no UTF-8/)
    expect((await skein(["run", "--", "echo", ":::", "\uFFFD"])).stdout).toBe("\uFFFD\n")
  })

  it("of a line that is too long is refused", async () => {
    const { code, stderr } = await skein(["run", "--max-line", "1K", "--", "echo", "{}"], { stdin: "x".repeat(5000) })
    expect(code).toBe(255)
    expect(stderr).toMatch(/standard input, line 1/)
  })

  it("of nothing is no job and no failure", async () => {
    const { code, stdout } = await skein(["run", "--", "echo", "{}"])
    expect([code, stdout]).toEqual([0, ""])
  })

  it("of 100,000 arguments in a file is read, and 20,000 on the command line", async () => {
    const args = Array.from({ length: 20_000 }, (_, i) => `${i}`)
    const printed = await skein(["run", "--dry-run", "--", "echo", "{}", ":::", ...args])
    expect(printed.stdout).toBe(args.map((arg) => `echo ${arg}\n`).join(""))
    const many = write("many", Array.from({ length: 100_000 }, (_, i) => `${i}\n`).join(""))
    const packed = await skein(["run", "-k", "-n", "1000", "-a", many, "--", "printf", "%s\\n", "{}"])
    expect(packed.stdout).toBe(readFileSync(many, "utf8"))
  })
})

describe("the words of the command line", () => {
  it.each([
    [["run", "--jbs", "4", "--", "x"], /unknown flag --jbs; did you mean --jobs\?/],
    [["run", "-j", "--", "x"], /-j needs a value, as in --jobs=VALUE/],
    [["run", "--quiet=yes", "--", "x"], /--quiet takes no value/],
    [["run"], /which command\? As in: skein run/],
    [["run", "-f", "csv", "--", "echo", "{nam}"], /no field is called "nam"; did you mean \{name\}\?/],
    [["run", "-a", "/no/such/file", "--", "echo"], /\/no\/such\/file/],
    [["run", "--", "sh", "-c", "echo {}", ":::", "a"], /would make code of the input; use --shell/],
    [["--verson"], /unknown flag --verson; did you mean --version\?/],
    [["rum"], /there is no command "rum"; did you mean skein run\?/],
    [["map"], /say which function, as in: skein map \.\/tasks\.ts#resize/],
    [["map", "./nothing.ts#f"], /there is no file "\.\/nothing\.ts"/]
  ] as const)("%j is refused with code 255", async (words, message) => {
    const { code, stderr, stdout } = await skein(words, { stdin: "name\nx\n" })
    expect([code, stdout]).toEqual([255, ""])
    expect(stderr).toMatch(message)
  })

  it("may be said twice, and the last counts", async () => {
    const { stdout } = await skein(["run", "-o", "none", "-k", "-k", "-o", "group", "--", "echo", ":::", "a"])
    expect(stdout).toBe("a\n")
  })

  it("are explained, and completed", async () => {
    const help = await skein(["run", "--help"])
    expect(help.code).toBe(0)
    for (const flag of ["--jobs, -j", "--keep-order, -k", "--joblog", "--halt"]) expect(help.stdout).toContain(flag)
    const bash = await skein(["--completions", "bash"])
    expect(bash.stdout).toContain("--keep-order")
    expect((await skein(["--version"])).stdout).toContain("0.1.0")
  })
})

describe("signals", () => {
  const napping = ["run", "-j2", "--", "sh", "-c", "echo in; sleep 0.5; echo out", "sh", "{}", ":::", "1", "2", "3", "4"]

  it("once lets what runs end, and starts nothing more", async () => {
    const run = start([...napping.slice(0, 2), "-o", "line", ...napping.slice(2)])
    await until(() => run.stdout() === "in\nin\n")
    run.child.kill("SIGINT")
    const { code, stderr, stdout } = await run.done
    expect([code, sorted(stdout)]).toEqual([130, ["in", "in", "out", "out"]])
    expect(stderr).toMatch(/SIGINT: starting nothing more, waiting for 2 running jobs; once more to stop them/)
    expect(stderr).toMatch(/2 not started/)
  })

  it("say nothing of waiting where nothing runs", async () => {
    // The output of a job is shown when it is over.
    const run = start(["run", "--", "echo"])
    run.child.stdin!.write("a\n")
    await until(() => run.stdout() === "a\n")
    run.child.kill("SIGTERM")
    const { code, stderr } = await run.done
    expect([code, stderr.split("\n")[0]]).toEqual([143, "skein: SIGTERM: starting nothing more"])
  })

  it("stop what runs the second time, or at once where that is asked for", async () => {
    const long = ["run", "-j2", "-o", "line", "--", "sh", "-c", "echo in; sleep 1000", "sh", "{}", ":::", "1", "2", "3"]
    const twice = start(long)
    await until(() => twice.stdout() === "in\nin\n")
    twice.child.kill("SIGINT")
    await until(() => twice.stderr() !== "")
    twice.child.kill("SIGTERM")
    expect((await twice.done).code).toBe(130)
    const once = start([...long.slice(0, 2), "--on-stop=stop", ...long.slice(2)])
    await until(() => once.stdout() === "in\nin\n")
    once.child.kill("SIGTERM")
    expect((await once.done).code).toBe(143)
  })

  it("kill the third time what heeds nothing else", async () => {
    const run = start([
      "run",
      "--stop-sequence=TERM,1000000,KILL",
      "-o",
      "line",
      "--",
      "sh",
      "-c",
      "trap '' TERM; echo in; while :; do sleep 0.01; done",
      "sh",
      "{}",
      ":::",
      "1"
    ])
    await until(() => run.stdout() === "in\n")
    for (const [signal, says] of [
      ["SIGINT", "once more to stop"],
      ["SIGTERM", "once more to kill"],
      ["SIGINT", "killing"]
    ] as const) {
      run.child.kill(signal)
      await until(() => run.stderr().includes(says))
    }
    expect((await run.done).code).toBe(130)
  })

  it("USR1 and USR2 change how many run at once", async () => {
    const gate = file("gate")
    const run = start([
      "run",
      "-j1",
      "-o",
      "line",
      "--",
      "sh",
      "-c",
      `echo in; while ! test -e ${gate}; do sleep 0.01; done`,
      "sh",
      "{}",
      ":::",
      "1",
      "2",
      "3"
    ])
    await until(() => run.stdout() === "in\n")
    run.child.kill("SIGUSR1")
    await until(() => run.stdout() === "in\nin\n")
    run.child.kill("SIGUSR2")
    await until(() => run.stderr().includes("running up to 1 at once"))
    writeFileSync(gate, "")
    expect((await run.done).code).toBe(0)
  })

  it("a file changes it too", async () => {
    const gate = file("gate")
    const jobs = write("jobs", "1\n")
    const run = start([
      "run",
      "-j1",
      "--jobs-file",
      jobs,
      "-o",
      "line",
      "--",
      "sh",
      "-c",
      `echo in; while ! test -e ${gate}; do sleep 0.01; done`,
      "sh",
      "{}",
      ":::",
      "1",
      "2",
      "3"
    ])
    await until(() => run.stdout() === "in\n")
    writeFileSync(jobs, "3\n")
    await until(() => run.stdout() === "in\nin\nin\n")
    writeFileSync(gate, "")
    expect((await run.done).code).toBe(0)
  })
})

describe("an early end", () => {
  it("comes at the first failure, with its exit code", async () => {
    const { code, stderr } = await skein(["run", "-j1", "--halt", "now,fail=1", "--shell", "--", "exit {}", ":::", "0", "7", "0", "0"])
    expect(code).toBe(7)
    expect(stderr).toMatch(/2 not started/)
  })

  it("comes at the deadline, with what is done", async () => {
    const { code, stdout } = await skein([
      "run",
      "-j2",
      "--deadline",
      "1s",
      "--",
      "sh",
      "-c",
      'echo "$1"; sleep "$1"',
      "sh",
      "{}",
      ":::",
      "0",
      "1000",
      "1000"
    ])
    expect([code, stdout.split("\n")[0]]).toEqual([124, "0"])
  })
})

describe("files about the run", () => {
  it("that cannot be written are told, with code 255, though the jobs went well", async () => {
    const { code, stderr, stdout } = await skein(["run", "--timeline", "/dev/full", "--", "echo", ":::", "a"])
    expect([code, stdout]).toEqual([255, "a\n"])
    expect(stderr).toMatch(/timeline \/dev\/full: the disk is full; 1 job done/)
  })

  it("a report and a timeline are written", async () => {
    const report = file("report.json")
    const timeline = file("timeline.json")
    await skein(["run", "--report", report, "--timeline", timeline, "--shell", "--", "exit {}", ":::", "0", "1"])
    const told = JSON.parse(readFileSync(report, "utf8")) as Record<string, unknown>
    expect(JSON.stringify(told)).toMatch(/"failed":1/)
    const events = JSON.parse(readFileSync(timeline, "utf8")) as ReadonlyArray<{ readonly ph: string }>
    expect(events.filter(({ ph }) => ph === "X" || ph === "B").length).toBeGreaterThanOrEqual(2)
  })
})
