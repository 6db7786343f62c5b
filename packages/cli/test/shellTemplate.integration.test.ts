// Real: sh, bash where there is one, and the programs that the scripts start. Nothing may be executed but what the scripts say.
import * as Result from "effect/Result"
import * as fc from "fast-check"
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as shellTemplate from "../src/shellTemplate.ts"

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "skein-shell-"))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const shells = ["/bin/sh", "/bin/bash"].filter((shell) => existsSync(shell))

/** What a script writes for an input. */
const run = (shell: string, script: string, values: ReadonlyArray<string>, width?: number): string => {
  const template = Result.getOrThrow(shellTemplate.parse(script, shell, { kind: "values", width }, "input"))
  const rendered = template.render({ values }, 7, 3)
  const { status, stderr, stdout } = spawnSync(shell, ["-c", rendered.script, "skein", ...rendered.parameters], {
    cwd: dir,
    encoding: "utf8",
    timeout: 20_000
  })
  if (status !== 0 || stderr !== "") throw new Error(`${shell} says ${String(status)} ${stderr} about ${JSON.stringify(rendered.script)}`)
  return stdout
}

/** What the script does when it is typed with the values in it, as job logs show it. */
const runText = (shell: string, script: string, values: ReadonlyArray<string>): string => {
  const template = Result.getOrThrow(shellTemplate.parse(script, shell, { kind: "values" }, "input"))
  return spawnSync(shell, ["-c", template.text({ values }, 7)], { cwd: dir, encoding: "utf8", timeout: 20_000 }).stdout
}

const hostile = [
  "'; touch owned; '",
  '"; touch owned; "',
  "$(touch owned)",
  "`touch owned`",
  "a[$(touch owned)]",
  "${x:-$(touch owned)}",
  "a b  c",
  "*",
  "?[a-z]",
  "~",
  "-n",
  "--",
  "!!",
  "line\nbreak",
  "ends\n",
  "\\",
  "\\'",
  "'",
  '"',
  "{}",
  "{1}",
  "$1",
  "#no comment",
  "EOF",
  "&& touch owned",
  "| touch owned",
  "\ttab\r",
  "é😀",
  "%s%d",
  ";;",
  "esac",
  ")"
]

const value = fc.oneof(
  fc.constantFrom(...hostile),
  fc.string({
    unit: fc.constantFrom(
      "'",
      '"',
      "\\",
      "$",
      "`",
      "(",
      ")",
      "{",
      "}",
      ";",
      "&",
      "|",
      "\n",
      " ",
      "*",
      "!",
      "#",
      "a",
      "-",
      "~",
      "<",
      ">",
      "="
    ),
    maxLength: 8
  })
)

/** A piece of a script, and what the shell makes of it. */
interface Part {
  readonly source: string
  readonly means: (value: string) => string
}

const fixed = (source: string, means: string): Part => ({ source, means: () => means })
const joined = (parts: ReadonlyArray<Part>, before = "", after = ""): Part => ({
  source: before + parts.map((part) => part.source).join("") + after,
  means: (value) => parts.map((part) => part.means(value)).join("")
})

const replaced: Part = { source: "{}", means: (value) => value }
const inSingle = fc.array(
  fc.constantFrom(replaced, fixed("a", "a"), fixed(' "$x` ', ' "$x` '), fixed("{x}", "{x}"), fixed("{{}}", "{}"), fixed("\\", "\\")),
  { maxLength: 4 }
)

const word: fc.Arbitrary<Part> = fc.letrec<{ word: Part; inDouble: Part; substitution: Part }>((tie) => ({
  substitution: fc
    .tuple(
      tie("word"),
      fc.constantFrom(
        ["$(printf '%s.' ", ")"],
        ["$( (printf '%s.' ", ") )"],
        ["$(case a in a) printf '%s.' ", ";; esac)"],
        ["$(case a in (b) ;; a) printf '%s.' ", " ;; esac; : )"],
        ["$(if true; then printf '%s.' ", "; fi # ')\n)"],
        ["$(f() { printf '%s.' ", "; }; set -- x y; f z)"],
        ["$(for i in ", "; do printf '%s.' \"$i\"; done)"],
        ["$(v=", "; printf '%s.' \"$v\")"],
        ["$({ printf '%s.' ", "; } 2>&1)"]
      )
    )
    .map(([inner, [before, after]]) => ({ source: before! + inner.source + after!, means: (value: string) => `${inner.means(value)}.` })),
  inDouble: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(
      replaced,
      fixed("a'b", "a'b"),
      fixed('\\$\\"\\\\', '$"\\'),
      fixed("#", "#"),
      fixed("${nothing:-d}", "d"),
      fixed("$((1+(2)))", "3"),
      fixed("{x}", "{x}"),
      fixed(" ", " ")
    ),
    tie("substitution")
  ),
  word: fc
    .array(
      fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.constantFrom(
          replaced,
          fixed("b", "b"),
          fixed("\\'", "'"),
          fixed("\\{}", "{}"),
          fixed("''", ""),
          fixed("x#", "x#"),
          fixed("$'q'", "q")
        ),
        inSingle.map((parts) => joined(parts, "'", "'")),
        fc.array(tie("inDouble"), { maxLength: 3 }).map((parts) => joined(parts, '"', '"'))
      ),
      { minLength: 1, maxLength: 3 }
    )
    .map((parts) => joined(parts))
})).word

/** `$'q'` is bash's; elsewhere the dollar stays. */
const bashOnly = (script: string): boolean => script.includes("$'")

const separators = [" ", "  ", " \\\n", "\t"]
const statement = fc
  .tuple(fc.array(word, { minLength: 1, maxLength: 4 }), fc.constantFrom(...separators))
  .map(([words, separator]): Part => ({
    source: `printf '<%s>'${separator}${words.map((each) => each.source).join(separator)}`,
    means: (value) => words.map((each) => `<${each.means(value)}>`).join("")
  }))
const hereDocument: fc.Arbitrary<Part> = fc.constantFrom(
  { source: "cat <<EOF\nx {} 'y' \"{}\" \\$a\nEOF", means: (value: string) => `x ${value} 'y' "${value}" $a\n` },
  { source: "cat <<-'EOF' | cat\n\t{x} $(touch owned) '\n\tEOF", means: () => "{x} $(touch owned) '\n" },
  { source: "cat <<A - <<B\nno '\nA\nyes {}\nB", means: (value: string) => `yes ${value}\n` }
)
const script = fc
  .array(
    fc.tuple(
      fc.oneof({ weight: 4, arbitrary: statement }, { weight: 1, arbitrary: hereDocument }),
      fc.constantFrom("\n", "\n\n# it's {} \" here\n", "\n:;")
    ),
    { minLength: 1, maxLength: 3 }
  )
  .map((parts): Part => joined(parts.map(([part, end]) => ({ source: part.source + end, means: part.means }))))

const count = process.env["SKEIN_SOAK"] === "1" ? 5000 : 300

describe.each(shells)("a script for %s", (shell) => {
  it("gives each program exactly the value, whatever the value and the quotes", () => {
    let replacements = 0
    fc.assert(
      fc.property(script, value, (script, value) => {
        fc.pre(shell.endsWith("bash") || !bashOnly(script.source))
        if (script.source.includes("{}")) replacements++
        expect(run(shell, `${script.source}\n: {}`, [value])).toBe(script.means(value))
      }),
      { numRuns: count }
    )
    expect(replacements).toBeGreaterThan(count / 4)
    expect(readdirSync(dir)).toEqual([])
  })

  it("executes no value, whatever the script", () => {
    const token = fc.constantFrom(
      ...[
        "{}",
        "{}",
        "{}",
        "{.}",
        " ",
        " ",
        "'",
        '"',
        "\\",
        "$",
        "$(",
        ")",
        "(",
        "((",
        "))",
        "$((",
        "${",
        "}",
        "`",
        "{",
        ";",
        ";;",
        "|",
        "||",
        "&&",
        "\n",
        "#",
        "=",
        "[",
        "]",
        "x",
        "1",
        "+",
        "!"
      ],
      ...[
        "[ ",
        " ]",
        "[[ ",
        " ]]",
        " -eq ",
        " -gt ",
        " -v ",
        "x=",
        "a[",
        "]=",
        "echo ",
        "test ",
        ": ",
        "printf -v ",
        "declare -i ",
        "declare -a ",
        "PS4=",
        "set -x;",
        "eval ",
        "trap ",
        "command ",
        "export ",
        "case ",
        " in ",
        "esac",
        "if ",
        "then ",
        "fi",
        "let "
      ],
      ...[
        "cat <<E\n",
        "\nE\n",
        "cat <<'E'\n",
        "cat <<-E ",
        "$'",
        '$"',
        "f() { ",
        "; }",
        "for i in ",
        "; do ",
        "; done",
        "${x:-",
        "${#",
        "${x[",
        "< ",
        "<<< ",
        "2>&1 ",
        "time ",
        "! "
      ]
    )
    let ran = 0
    fc.assert(
      fc.property(
        fc.array(token, { minLength: 1, maxLength: 14 }),
        fc.constantFrom(
          "$(>owned)",
          "`>owned`",
          "a[$(>owned)]",
          "($(>owned))",
          "x[$(>owned)]+1",
          "';>owned;'",
          '";>owned;"',
          "\n>owned\n",
          "${x:-$(>owned)}",
          "1;>owned",
          ")>owned(",
          "E\n>owned\n"
        ),
        (tokens, value) => {
          const template = shellTemplate.parse(tokens.join(""), shell, { kind: "values" }, "input")
          if (Result.isFailure(template)) return
          const { parameters, script } = template.success.render({ values: [value] }, 1, 1)
          ran++
          spawnSync(shell, ["-c", script, "skein", ...parameters], { cwd: dir, stdio: "ignore", timeout: 20_000 })
          const owned = existsSync(join(dir, "owned"))
          rmSync(join(dir, "owned"), { force: true })
          expect(owned).toBe(false)
        }
      ),
      { numRuns: count * 3 }
    )
    expect(ran).toBeGreaterThan(count / 3)
    for (const name of readdirSync(dir)) rmSync(join(dir, name))
  })

  it("does the same as its text, which has the values in it", () => {
    fc.assert(
      fc.property(statement, value, (script, value) => {
        fc.pre(shell.endsWith("bash") || !bashOnly(script.source))
        expect(runText(shell, `${script.source}; : {}`, [value])).toBe(script.means(value))
      }),
      { numRuns: Math.ceil(count / 3) }
    )
    expect(readdirSync(dir)).toEqual([])
  })

  it("makes several words of several values", () => {
    expect(run(shell, "printf '<%s>' {} x{}y \"{}\" {2}", ["a b", "*"])).toBe("<a b><*><xa b *y><a b *><*>")
    expect(runText(shell, "printf '<%s>' {} x{}y \"{}\" {2}", ["a b", "*"])).toBe("<a b><*><xa b *y><a b *><*>")
  })

  it("keeps values in functions and after set", () => {
    expect(run(shell, "f() { printf '<%s>' {1} \"$1\"; }; set -- q; f z", ["a b"])).toBe("<a b><z>")
  })

  it("has more than nine values, the number and the slot", () => {
    const values = Array.from({ length: 12 }, (_, i) => `v${i + 1}`)
    const script = `printf '%s ' ${values.map((_, i) => `{${i + 1}}`).join(" ")} {#} {%}`
    expect(run(shell, script, values)).toBe(`${values.join(" ")} 7 3 `)
  })

  it("redirects to a file of any name", () => {
    run(shell, "echo x > {}", ["-a b*'"])
    expect(readdirSync(dir)).toEqual(["-a b*'"])
    expect(run(shell, "cat < {} && rm -- {}", ["-a b*'"])).toBe("x\n")
    expect(readdirSync(dir)).toEqual([])
  })

  it("puts the input behind a script that does not name it", () => {
    expect(run(shell, "true && printf '<%s>' a", ["b c"])).toBe("<a><b c>")
  })
})
