import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parse } from "../src/shellTemplate.ts"
import type { Scope } from "../src/template.ts"

const values: Scope = { kind: "values", width: 1 }

const read = (script: string, shell = "sh", scope = values) => parse(script, shell, scope, "input")
const scriptOf = (script: string, shell?: string) => Result.getOrThrow(read(script, shell)).render({ values: ["v"] }, 1, 1).script
const message = (script: string, shell?: string, scope?: Scope) => {
  const found = read(script, shell, scope)
  return Result.isFailure(found) ? found.failure.message : "allowed"
}
/** All of them are refused for the same reason. */
const everywhere = (reason: RegExp, scripts: ReadonlyArray<string>, shell?: string) =>
  expect(scripts.filter((script) => !reason.test(message(script, shell)))).toEqual([])
/** None of them is refused. */
const always = (scripts: ReadonlyArray<string>, shell?: string) =>
  expect(scripts.map((script) => message(script, shell)).filter((text) => text !== "allowed")).toEqual([])

describe("parse", () => {
  it("puts quoted references in the place of replacements", () => {
    expect([scriptOf("cat {} x{}"), scriptOf('echo "a {} b"'), scriptOf("echo 'a {} b'")]).toEqual([
      'skein_1=${1}; shift 1; cat "${skein_1}" x"${skein_1}"',
      'skein_1=${1}; shift 1; echo "a ${skein_1} b"',
      "skein_1=${1}; shift 1; echo 'a '\"${skein_1}\"' b'"
    ])
  })

  it("makes the same script of any value", () => {
    const template = Result.getOrThrow(read("echo {} '{.}' \"{/}\""))
    const script = template.render({ values: ["x"] }, 1, 1).script
    fc.assert(
      fc.property(fc.string(), (value) => {
        const rendered = template.render({ values: [value] }, 1, 1)
        expect([rendered.script, rendered.parameters[0]]).toEqual([script, value])
      })
    )
  })

  it("leaves braces of other meaning alone", () => {
    const script = "awk '{print $1}' \"{x}\" ${HOME} {a,b} \\{} '{{}}' {}"
    expect(scriptOf(script)).toBe("skein_1=${1}; shift 1; awk '{print $1}' \"{x}\" ${HOME} {a,b} \\{} '{}' \"${skein_1}\"")
  })

  it("leaves comments alone", () => {
    expect(scriptOf("cat {} # {} it's\necho a#{}")).toBe('skein_1=${1}; shift 1; cat "${skein_1}" # {} it\'s\necho a#"${skein_1}"')
  })

  it("shows the script with the values in it", () => {
    const text = Result.getOrThrow(read("echo {} \"a {}\" 'b {}' {#}")).text({ values: ["it's"] }, 4)
    expect(text).toBe("echo 'it'\\''s' \"a \"'it'\\''s'\"\" 'b ''it'\\''s''' 4")
  })

  it("puts the input behind a script that ends with a command, and asks for a place elsewhere", () => {
    expect(scriptOf("gzip -k")).toBe('skein_1=${1}; shift 1; gzip -k "${skein_1}"')
    everywhere(/does not say where the input goes/, [
      "echo a;",
      "echo a |",
      "echo &",
      "(echo a)",
      "for i in a; do echo; done",
      "if a; then b; fi",
      "{ a; }",
      "echo # x",
      "cat <<E\nx\nE\n",
      "case a in b) ;; esac"
    ])
  })

  it("refuses arithmetic, which would evaluate the value", () => {
    everywhere(
      /evaluate/,
      [
        "echo $(({}+1))",
        'echo "$((1+{}))"',
        "echo $(( $(echo {}) ))",
        "(( {} > 1 ))",
        "for ((i=0; i<{}; i++)); do :; done",
        "echo a; ((x={}))",
        "a[{}]=1",
        'a["{}"]=1',
        "a=([{}]=x)",
        "[[ {} -gt 1 ]]",
        "[[ 1 -eq {} ]]",
        "[[ a == b && {} -lt 3 ]]",
        "[[ a == b\n|| ( {} -lt 3 ) ]]",
        "if [[ ! -v {} ]]; then :; fi",
        "[[ -v {} ]]",
        "[ -v {} ]",
        "test -v {}",
        "printf -v {} x"
      ],
      "bash"
    )
    always(
      ["[[ -f {} && $n -gt 1 ]]", "[[ {} == x* ]] && [ {} -gt 1 ]", "[[ $n -gt 1 ]] || test {} -eq 1", "[[ {} < b && a > {} ]]"],
      "bash"
    )
    everywhere(/argument of let, which reads it as code/, ["let {}", "let x={}"], "bash")
    everywhere(/evaluates it/, ["[ {} -gt 1 ]", "test 1 -eq {}"], "ksh")
  })

  it("refuses what stands inside of an expansion", () => {
    everywhere(/is inside \$\{ … }/, [
      "echo ${x:-{}}",
      'echo "${x#{}}"',
      "echo ${x:{}}",
      "echo ${a[{}]}",
      "echo ${x:-$(echo {})}",
      "echo ${x:-'{}'}"
    ])
  })

  it("refuses back-quotes, and quotes that only some shells know", () => {
    everywhere(/back-quotes/, ["echo `cat {}`", 'echo "`cat {}`"', "echo `a \\` {}`"])
    everywhere(/\$'…'/, ["echo $'{}'", "echo $'a\\'b' {}"])
  })

  it("refuses what builtins read as code or as a name", () => {
    everywhere(/reads it as code/, [
      "eval {}",
      "eval 'cat {}'",
      "command eval {}",
      "x=1 eval {}",
      "if eval {}; then :; fi",
      "trap 'rm {}' EXIT",
      "alias x={}",
      "'eval' {}",
      "\\eval {}",
      "a && eval {}",
      "case a in (a) eval {} ;; esac",
      "f() { eval {}; }",
      "f() eval {}",
      "function f { eval {}; }",
      "$nothing eval {}",
      "``eval {}",
      "command -p eval {}",
      "time -p eval {}",
      "eval <(x) {}",
      "2>&1 eval {}",
      ">x eval {}",
      "{fd}>x eval {}",
      "compgen -W {}",
      "case a in b) ;; a|c) x; eval {} ;; esac",
      "$(eval {})"
    ])
    everywhere(/a variable that the shell evaluates/, ["PS4={}; set -x", "RANDOM={}", 'export PROMPT_COMMAND="{}"'])
    everywhere(/is assigned by/, ["declare -i x={}", "local v={}", "typeset a={}"])
    everywhere(/variables with a type/, ["x={}; declare -i x", "declare -a x; x={}", "f() { local -ri x; x={}; }"])
    everywhere(/as the name of a variable/, ["export {}", "read {}", "unset {}", "declare {}=1", "local -r {}"])
    always(["export X={}", "echo eval {}", "read x < {}", "v={}; local v", "eval-it {}"])
  })

  it("refuses to write the script of an inner shell", () => {
    everywhere(/script of an inner shell/, ["sh -c 'cat {}'", 'bash -c "cat {}"', "sudo sh -ec x{}", "/bin/sh -c 'a' || sh -c 'b {}'"])
    always(["sh -c {}", "sh -c 'cat \"$1\"' sh {}", "grep -c x{}"])
  })

  it("refuses here-documents that would not expand it, or might do more", () => {
    everywhere(/here-document/, [
      "cat <<'E'\n{}\nE\n",
      "cat <<\\E\n{}\nE\n",
      "cat <<E\n$(echo {})\nE\n",
      "cat <<{}\nx\n{}\n",
      "x=$(cat <<E)\n{}"
    ])
    always(["cat <<E\n{}\nE\n", "cat <<-E\n\t{} \\$(\n\tE\ncat {}", "cat <<'E' {}\n$(\nE\n", "cat <<< {}"])
  })

  it("refuses a script that ends too early", () => {
    everywhere(/the script ends inside/, [
      "echo '{}",
      'echo "{}',
      "echo $({}",
      "echo ${x",
      "echo $((1",
      "echo `a",
      "({}",
      'echo "$(echo "{}")'
    ])
  })

  it("refuses shells of another kind", () => {
    everywhere(/is not known to read scripts/, ["echo {}"], "/usr/bin/fish")
    always(["echo {}"], "/usr/local/bin/zsh")
  })

  it("asks for a field where none of the records' is named", () => {
    expect(message("echo x", "sh", { kind: "records", names: ["a"] })).toBe(
      "the command names no field of the records; there are {a}; {} is the whole record"
    )
  })

  it("reads or refuses any script, and never throws anything else", () => {
    const script = fc.string({
      unit: fc.constantFrom(
        "'",
        '"',
        "`",
        "$",
        "(",
        ")",
        "{",
        "}",
        "{}",
        "$(",
        "${",
        "$((",
        "))",
        "<<",
        "\n",
        " ",
        "E",
        ";",
        "case",
        "in",
        "esac",
        "\\",
        "#",
        "&",
        "|",
        "[",
        "a"
      ),
      maxLength: 20
    })
    let allowed = 0
    let refused = 0
    fc.assert(
      fc.property(script, (script) => {
        const found = read(script)
        if (Result.isSuccess(found)) allowed++
        else refused++
        expect(Result.isSuccess(found) || found.failure._tag === "TemplateError").toBe(true)
      }),
      { numRuns: 2000 }
    )
    expect(Math.min(allowed, refused)).toBeGreaterThan(100)
  })
})
