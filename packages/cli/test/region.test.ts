import fc from "fast-check"
import { stripVTControlCharacters } from "node:util"
import { describe, expect, it } from "vitest"
import * as region from "../src/region.ts"
import { Screen } from "./fixtures/screen.ts"

const columns = 20

const shown = (screen: Screen, made: region.Region, lines: ReadonlyArray<string>): void => screen.write(made.show(lines))
const output = (screen: Screen, made: region.Region, text: string): void =>
  screen.write(Buffer.from(made.around(Buffer.from(text))).toString())

/** What the screen holds when only the outputs were written. */
const alone = (texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  const screen = new Screen(columns, 10)
  for (const text of texts) screen.write(text)
  return screen.text()
}

/** The cursor of a terminal that waits in the last column cannot be put back there. */
const fillsARow = (texts: ReadonlyArray<string>): boolean =>
  texts.some((_, index) => {
    const line = stripVTControlCharacters(texts.slice(0, index + 1).join(""))
      .split("\n")
      .at(-1)!
    return line.length > 0 && line.length % columns === 0
  })

describe("region", () => {
  it("stands below what is written, and moves down with it", () => {
    const screen = new Screen(columns, 10)
    const made = region.make(() => columns)
    shown(screen, made, ["half", "job 1"])
    output(screen, made, "one\ntwo\n")
    expect(screen.text()).toEqual(["one", "two", "half", "job 1"])
    output(screen, made, "three\n")
    shown(screen, made, ["done"])
    expect(screen.text()).toEqual(["one", "two", "three", "done"])
  })

  it("hangs below a line that was not ended, which goes on where it ended", () => {
    const screen = new Screen(columns, 10)
    const made = region.make(() => columns)
    shown(screen, made, ["half"])
    output(screen, made, "o")
    expect(screen.text()).toEqual(["o", "half"])
    output(screen, made, "ne\ntw")
    output(screen, made, "o")
    expect(screen.text()).toEqual(["one", "two", "half"])
  })

  it("leaves nothing of itself when it ends, and the cursor on a line of its own", () => {
    const screen = new Screen(columns, 10)
    const made = region.make(() => columns)
    output(screen, made, "one\n")
    shown(screen, made, ["half", "job 1"])
    screen.write(made.end())
    expect(screen.text()).toEqual(["one"])
    output(screen, made, "two")
    shown(screen, made, ["half"])
    screen.write(`${made.end()}three`)
    expect(screen.text()).toEqual(["one", "two", "three"])
  })

  it("leaves what passes above it as it would be without it, whatever passes and whatever it shows", () => {
    const text = fc.array(fc.constantFrom("a", "b ", "\n", "x".repeat(19), "x".repeat(20), "x".repeat(45), "\u001b[31m"), { maxLength: 5 })
    const step = fc.oneof(
      text.map((parts) => ({ output: parts.join("") })),
      fc
        .array(fc.string({ unit: fc.constantFrom("r", "s"), minLength: 1, maxLength: 19 }), { minLength: 1, maxLength: 4 })
        .map((lines) => ({ lines })),
      fc.constant({ none: true })
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const screen = new Screen(columns, 10)
        const made = region.make(() => columns)
        const texts: Array<string> = []
        fc.pre(!fillsARow(steps.flatMap((one) => ("output" in one ? [one.output] : []))))
        let lines: ReadonlyArray<string> = []
        for (const one of steps) {
          if ("output" in one) {
            output(screen, made, one.output)
            texts.push(one.output)
          } else if ("lines" in one) shown(screen, made, (lines = one.lines))
          else shown(screen, made, (lines = []))
        }
        const above = alone(texts)
        const seen = screen.text()
        expect(seen.slice(seen.length - lines.length)).toEqual(lines)
        screen.write(made.end())
        expect(screen.text()).toEqual(above)
      })
    )
  })

  it("takes away the rows into which its lines were wrapped when the window became narrower", () => {
    let width = 20
    const made = region.make(() => width)
    made.show(["x".repeat(18), "y".repeat(5)])
    width = 10
    expect(made.end()).toBe("\r\u001b[2A\u001b[J")
  })
})
