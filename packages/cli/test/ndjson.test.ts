import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { read } from "../src/ndjson.ts"

/** Where it goes wrong. */
const wrong = (text: string): string => {
  const found = read(text)
  return found !== undefined && "what" in found ? `${found.column}: ${found.what}` : "fine"
}
const fields = (text: string) => {
  const found = read(text)
  return found !== undefined && "fields" in found ? { ...found.fields } : undefined
}

describe("read", () => {
  it("gives an object its fields, paths for what is inside, and itself as its value", () => {
    expect(read('{ "name": "x y", "size": 3, "on": true, "none": null }')).toEqual({
      values: ['{"name":"x y","size":3,"on":true,"none":null}'],
      fields: { name: "x y", size: "3", on: "true", none: "" }
    })
    expect(fields('{"a":{"b":[1,{"c":"d"}]}}')).toEqual({
      a: '{"b":[1,{"c":"d"}]}',
      "a.b": '[1,{"c":"d"}]',
      "a.b.0": "1",
      "a.b.1": '{"c":"d"}',
      "a.b.1.c": "d"
    })
  })

  it("prefers a field to a path of the same name", () => {
    expect([fields('{"a.b":1,"a":{"b":2}}')!["a.b"], fields('{"a":{"b":2},"a.b":1}')!["a.b"]]).toEqual(["1", "1"])
  })

  it("gives an array its values, and a scalar one", () => {
    expect([read('["a b",1,null,{"x":1}]'), read('"x"'), read("12"), read("null"), read("[]")]).toEqual([
      { values: ["a b", "1", "", '{"x":1}'] },
      { values: ["x"] },
      { values: ["12"] },
      { values: [""] },
      undefined
    ])
  })

  it("keeps numbers as they stand", () => {
    expect(fields('{"id":12345678901234567890,"version":1.10,"e":1e3,"minus":-0,"list":[1.0]}')).toEqual({
      id: "12345678901234567890",
      version: "1.10",
      e: "1e3",
      minus: "-0",
      list: "[1.0]",
      "list.0": "1.0"
    })
    expect(read("[1.50]")).toEqual({ values: ["1.50"] })
  })

  it("has fields of any name", () => {
    expect(Object.entries((read('{"__proto__":"p","constructor":"c","":"e"}') as { fields: Record<string, string> }).fields)).toEqual([
      ["__proto__", "p"],
      ["constructor", "c"],
      ["", "e"]
    ])
  })

  it("says where a text stops being JSON", () => {
    expect(['{"a":b}', '{"a":1', "[1,]", "{a:1}", '{"a" 1}', "1 2", "tru", '"a', '{"a":"\\x"}', "[1 2]", "01"].map(wrong)).toEqual([
      "6: no JSON: a value should be here",
      '7: no JSON: it ends where "," or "}" should be',
      "4: no JSON: a value should be here",
      '2: no JSON: a name in quotes or "}" should be here',
      '6: no JSON: ":" should be here',
      "3: no JSON: the end of the line should be here",
      "1: no JSON: a value should be here",
      "1: no JSON: a value should be here",
      "6: no JSON: a value should be here",
      '4: no JSON: "," or "]" should be here',
      "1: no JSON: a value should be here"
    ])
  })

  it("refuses a NUL, which no argument can carry, and allows the text for one", () => {
    expect([wrong('{"a":"x\\u0000"}'), wrong('["\\u0000"]'), wrong('"\\u0000"'), wrong('"\\\\u0000"')]).toEqual([
      "8: a NUL character; an argument cannot carry it",
      "3: a NUL character; an argument cannot carry it",
      "2: a NUL character; an argument cannot carry it",
      "fine"
    ])
  })

  it("survives nesting of any depth", () => {
    const deep = (depth: number) => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`
    expect([wrong(deep(20)), wrong(deep(200_000))]).toEqual(["fine", "1: nested too deeply"])
  })

  it("agrees with JSON.parse on what is JSON, and on the text of strings", () => {
    const text = fc.oneof(
      fc.json(),
      fc
        .tuple(fc.json(), fc.nat(), fc.constantFrom("", ",", '"', "}", "x", "\\"))
        .map(([json, at, put]) => json.slice(0, at % (json.length + 1)) + put + json.slice((at % (json.length + 1)) + 1))
    )
    let refused = 0
    fc.assert(
      fc.property(text, (text) => {
        let value: unknown
        try {
          value = JSON.parse(text)
        } catch {
          refused++
          expect(read(text)).toMatchObject({ column: expect.any(Number) })
          return
        }
        if (typeof value === "string" && !value.includes("\0")) expect(read(text)).toEqual({ values: [value] })
      }),
      { numRuns: 2000 }
    )
    expect(refused).toBeGreaterThan(100)
  })
})
