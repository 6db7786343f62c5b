/** What goes in comes out, on the way there and on the way back. */
import * as Task from "@skein/parallel/Task"
import * as Arbitrary from "effect/Arbitrary"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { codecOf } from "../src/internal/taskCodec.ts"
import { refusal, remotely, seen } from "./Task.kit.ts"

const module = import.meta

/** A task that gives back what it was given. */
const echo = <S extends Task.AnySchema>(schema: S) =>
  Task.make("echo", { module, payload: schema, success: schema, run: (value) => Effect.succeed(value) })

/** There and back, through text. */
const trip = <S extends Task.AnySchema>(schema: S, value: S["Type"]): unknown => {
  const task = echo(schema)
  return Effect.runSync(remotely(task, task(value)))
}

class Point extends Schema.Class<Point>("Point")({ x: Schema.Number, y: Schema.Number }) {}
class Lost extends Schema.TaggedError<Lost>()("Lost", { at: Schema.Date, by: Schema.optional(Schema.String) }) {}

interface Tree {
  readonly value: number
  readonly children: ReadonlyArray<Tree>
}
const Tree = Schema.Struct({
  value: Schema.Number,
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})

const Everything = Schema.Struct({
  text: Schema.String,
  number: Schema.Number,
  whole: Schema.Int,
  yes: Schema.Boolean,
  nothing: Schema.Null,
  maybe: Schema.optional(Schema.Number),
  missing: Schema.optionalKey(Schema.String),
  undefined: Schema.UndefinedOr(Schema.Number),
  either: Schema.Union([Schema.String, Schema.Number]),
  word: Schema.Literals(["a", "b"]),
  list: Schema.Array(Schema.Number),
  pair: Schema.Tuple([Schema.String, Schema.Number]),
  record: Schema.Record(Schema.String, Schema.Number),
  date: Schema.Date,
  big: Schema.BigInt,
  option: Schema.Option(Schema.Number),
  map: Schema.ReadonlyMap(Schema.String, Schema.Number),
  point: Point,
  lost: Lost
})

describe("a value that travels", () => {
  const plain: ReadonlyArray<readonly [Task.AnySchema, ReadonlyArray<unknown>]> = [
    [Schema.Number, [0, -0, 1.5, -1e300, Number.MAX_SAFE_INTEGER, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324]],
    [Schema.String, ["", "a", "NaN", "!1", "\u2028\u0000\ud800", "\n", "__proto__"]],
    [
      Schema.Struct({ a: Schema.Number, b: Schema.optional(Schema.Number) }),
      [{ a: 1 }, { a: -0 }, { a: 1, b: undefined }, { a: 1, b: Number.NaN }]
    ],
    [Schema.Array(Schema.Number), [[], [1, -0, 2], [Number.NaN]]],
    [Schema.Record(Schema.String, Schema.Number), [{}, { a: 1, "": 2 }, JSON.parse('{"__proto__":1}'), { a: -0 }]],
    [Schema.Void, [undefined]],
    [Schema.UndefinedOr(Schema.Number), [undefined, 1]],
    [Schema.NullOr(Schema.Number), [null, 1]],
    [Schema.Date, [new Date(0), new Date(8.64e15)]],
    [Schema.BigInt, [0n, -(2n ** 70n)]],
    [Schema.Option(Schema.Number), [Option.none(), Option.some(Number.NaN)]],
    [
      Schema.Tuple([Schema.String, Schema.Number]),
      [
        ["a", 1],
        ["a", -0]
      ]
    ],
    [
      Tree,
      [
        {
          value: 1,
          children: [
            { value: -0, children: [] },
            { value: 2, children: [] }
          ]
        }
      ]
    ],
    [Schema.Struct({}), [{ anything: 1 }]],
    [Schema.Unknown, [null, { a: [1, "b", { c: -0 }] }, 7]]
  ]

  it.each(plain.map(([schema, values]) => [schema.ast._tag, schema, values] as const))(
    "comes out as it went in: %s",
    (_, schema, values) => {
      for (const value of values) expect(trip(schema, value)).toEqual(value)
    }
  )

  it("is of the same class", () => {
    const point = trip(Point, new Point({ x: 1, y: -0 }))
    expect(point).toBeInstanceOf(Point)
    expect(Object.is((point as Point).y, -0)).toBe(true)
    const lost = trip(Lost, new Lost({ at: new Date(5) }))
    expect(lost).toBeInstanceOf(Lost)
    expect((lost as Lost).at).toEqual(new Date(5))
  })

  it("comes out as it went in, for random values of many schemas", () => {
    const holds = (value: typeof Everything.Type): boolean => {
      const back = trip(Everything, value) as typeof Everything.Type
      expect(Equal.equals(back.option, value.option)).toBe(true)
      expect(back.lost).toBeInstanceOf(Lost)
      expect(back.point).toBeInstanceOf(Point)
      expect(back).toEqual(value)
      return true
    }
    const arbitrary = Arbitrary.schema(Everything)
    const result = Effect.runSync(Arbitrary.checkEffect(arbitrary, (value) => Effect.sync(() => holds(value)), { runs: 150, seed: 7 }))
    expect(Arbitrary.formatCheckFailure(result)).toBe(undefined)
  })

  it("comes out as it went in, for random JSON where anything may come", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        expect(trip(Schema.Json, value as Schema.Json)).toEqual(value)
        expect(trip(Schema.Unknown, value)).toEqual(value)
      }),
      { numRuns: 150, seed: 8 }
    )
  })

  it("comes out as it went in, for random numbers in plain structures", () => {
    const schema = Schema.Struct({
      n: Schema.Number,
      list: Schema.Array(Schema.NullOr(Schema.Number)),
      o: Schema.optionalKey(Schema.Number)
    })
    const arbitrary = fc.record(
      { n: fc.double(), list: fc.array(fc.option(fc.double())), o: fc.double() },
      { requiredKeys: ["n", "list"], noNullPrototype: true }
    )
    fc.assert(
      fc.property(arbitrary, (value) => {
        expect(trip(schema, value)).toEqual(value)
      }),
      { numRuns: 300, seed: 9 }
    )
  })

  it("loses the fields that its schema does not know, and is no less welcome for them", () => {
    const schema = Schema.Struct({ a: Schema.Number })
    class Wide extends Data.Class<{ readonly a: number; readonly b: () => void }> {}
    expect(trip(schema, { a: 1, b: () => 1 } as never)).toEqual({ a: 1 })
    expect(trip(schema, new Wide({ a: 2, b: () => {} }))).toEqual({ a: 2 })
    expect(trip(schema, Object.assign(Object.create({ inherited: 1 }) as object, { a: 3 }) as never)).toEqual({ a: 3 })
    expect(trip(schema, { a: 4, toJSON: () => "x" } as never)).toEqual({ a: 4 })
    class Shown {
      readonly a = 5
      toJSON(): string {
        return "x"
      }
    }
    expect(trip(schema, new Shown())).toEqual({ a: 5 })
  })

  it("is refused with its place where it does not fit", () => {
    const wrong: ReadonlyArray<readonly [Task.AnySchema, unknown, string]> = [
      [
        Schema.Struct({ a: Schema.Array(Schema.Struct({ b: Schema.Number })) }),
        { a: [{ b: 1 }, { b: "2" }] },
        'Expected number\n  at ["a"][1]["b"]'
      ],
      [Schema.Struct({ a: Schema.Number }), {}, 'Missing key\n  at ["a"]'],
      [Schema.Struct({ a: Schema.optionalKey(Schema.Number) }), { a: undefined }, 'at ["a"]'],
      [Schema.Finite, Number.NaN, "finite"],
      [Schema.NonEmptyString, "", "length"],
      [Point, { x: 1, y: 2 }, "Expected Point"],
      [Schema.Date, new Date(Number.NaN), "Expected a valid Date"],
      [Schema.Any, { deep: [{ f: () => 1 }] }, 'a function cannot travel\n  at ["deep"][0]["f"]'],
      [Schema.Any, { at: new Date(0) }, 'an object (Date) cannot travel\n  at ["at"]'],
      [Schema.Any, { u: undefined }, 'undefined cannot travel\n  at ["u"]'],
      [Schema.Unknown, { n: Number.NaN }, ""],
      [Schema.Any, { a: Object.defineProperty({}, "toJSON", { value: () => "x" }) }, 'a function cannot travel\n  at ["a"]["toJSON"]'],
      [Schema.instanceOf(Map), new Map(), ""]
    ]
    for (const [schema, value, message] of wrong) {
      const task = echo(schema)
      const elsewhere = refusal(Effect.runSync(Effect.flip(remotely(task, task(value)))))
      const here = refusal(Effect.runSync(Effect.flip(task(value))))
      expect(elsewhere[2]).toContain(message)
      expect(here).toEqual(elsewhere)
    }
  })

  it("is never what it would rather have written", () => {
    const schema = Schema.Struct({ list: Schema.Array(Schema.Number) })
    const list = Object.assign([1], { toJSON: () => "x" })
    expect(trip(schema, { list })).toEqual({ list: [1] })
    expect(trip(Schema.Array(Schema.Number), list)).toEqual([1])
    const hidden = Object.defineProperty({ list: [2] }, "toJSON", { value: () => "x" })
    expect(trip(schema, hidden)).toEqual({ list: [2] })
  })

  it("is refused where it is cyclic", () => {
    const cycle: { value: number; children: Array<unknown> } = { value: 1, children: [] }
    cycle.children.push(cycle)
    for (const schema of [Tree, Schema.Any] as ReadonlyArray<Task.AnySchema>) {
      const task = echo(schema)
      expect(refusal(Effect.runSync(Effect.flip(remotely(task, task(cycle)))))[0]).toBe("Rejected")
      expect(refusal(Effect.runSync(Effect.flip(task(cycle))))[0]).toBe("Rejected")
    }
  })

  it("is looked at inline, and neither copied nor encoded where its schema says enough", () => {
    let encoded = 0
    const Counted = Schema.Number.pipe(
      Schema.decodeTo(Schema.Number, {
        decode: SchemaGetter.transform((n: number) => n),
        encode: SchemaGetter.transform((n: number) => (encoded++, n))
      })
    )
    const value = { list: [1, 2], n: 3 }
    const task = echo(Schema.Struct({ list: Schema.Array(Schema.Number), n: Counted }))
    expect(Effect.runSync(task(value))).toBe(value)
    expect(encoded).toBe(0)
    expect(Effect.runSync(remotely(task, task(value)))).toEqual(value)
    expect(encoded).toBe(2)
  })

  it("is plain text where it is plain, and says so where it is not", () => {
    const codec = codecOf(Schema.Struct({ a: Schema.Number, b: Schema.optional(Schema.Number) }))
    expect(codec.toWire({ a: 1 })).toEqual({ text: '{"a":1}' })
    expect(codec.toWire({ a: -0 })).toEqual({ text: '!{"a":-0}' })
    expect(codec.toWire({ a: Number.NaN, b: undefined })).toEqual({ text: '!{"a":"NaN","b":null}' })
    expect(codec.toPlainWire({ a: Number.NaN })).toEqual({ text: '{"a":"NaN"}' })
  })
})

describe("Task.buffer", () => {
  const bytes = () => new Uint8Array([1, 2, 3])

  it("keeps the form of bytes, anywhere in a value", () => {
    const schema = Schema.Struct({ name: Schema.String, deep: Schema.Array(Task.buffer(Float64Array)), raw: Task.buffer(ArrayBuffer) })
    const value = { name: "~part", deep: [new Float64Array([1, -0, Number.NaN]), new Float64Array()], raw: bytes().buffer }
    const told = seen()
    const task = echo(schema)
    expect(Effect.runSync(remotely(task, task(value), told))).toEqual(value)
    expect(told.payloads).toEqual(['{"name":"~part","deep":[{"~part":0},{"~part":1}],"raw":{"~part":2}}'])
    expect(value.raw.byteLength).toBe(3)
  })

  it("takes every kind of view", () => {
    const kinds = [
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
      BigInt64Array,
      BigUint64Array,
      DataView
    ] as const
    for (const each of kinds) {
      const Kind = each as new (buffer: ArrayBuffer, offset?: number, length?: number) => DataView
      const whole = new Kind(new ArrayBuffer(16))
      expect(trip(Task.buffer(each), whole as never)).toEqual(whole)
      const part = new Kind(new ArrayBuffer(64), 16, 2)
      const back = trip(Task.buffer(each), part as never) as DataView
      expect([back.constructor, back.byteLength, back.buffer.byteLength]).toEqual([Kind, part.byteLength, part.byteLength])
    }
  })

  it("gives away what it is told to, and nothing else", () => {
    const value = { kept: bytes(), given: bytes() }
    const task = Task.make("give", {
      module,
      payload: Schema.Struct({ kept: Task.buffer(Uint8Array), given: Task.buffer(Uint8Array, { transfer: true }) }),
      success: Schema.Number,
      run: ({ given, kept }) => Effect.succeed(kept.length * 10 + given.length)
    })
    expect(Effect.runSync(remotely(task, task(value)))).toBe(33)
    expect([value.kept.length, value.given.length]).toEqual([3, 0])
    const again = refusal(Effect.runSync(Effect.flip(remotely(task, task(value)))))
    expect(again.slice(0, 2)).toEqual(["Rejected", "no"])
    expect(again[2]).toContain('whose memory has not been given away\n  at ["given"]')
  })

  it("keeps memory that a part shares with one that is given away", () => {
    const shared = bytes()
    const schema = Schema.Struct({
      a: Task.buffer(Uint8Array),
      b: Task.buffer(Uint8Array, { transfer: true }),
      c: Task.buffer(Uint8Array, { transfer: true })
    })
    const codec = codecOf(schema)
    const wire = codec.toWire({ a: shared, b: shared, c: shared })
    expect(wire.transfer).toEqual([shared.buffer])
    expect((wire.parts![0] as Uint8Array).buffer).not.toBe(shared.buffer)
    expect(trip(schema, { a: shared, b: shared, c: shared })).toEqual({ a: bytes(), b: bytes(), c: bytes() })
  })

  it("sends only its own bytes of a larger buffer, and leaves that where it is", () => {
    const large = new Uint8Array(1_000)
    const part = large.subarray(10, 20)
    const wire = codecOf(Task.buffer(Uint8Array, { transfer: true })).toWire(part)
    expect((wire.parts![0] as Uint8Array).buffer.byteLength).toBe(10)
    expect(trip(Task.buffer(Uint8Array, { transfer: true }), part)).toEqual(new Uint8Array(10))
    expect(large.length).toBe(1_000)
  })

  it("shares shared memory", () => {
    const shared = new SharedArrayBuffer(8)
    const view = new Int32Array(shared)
    const wire = codecOf(
      Schema.Struct({ shared: Task.buffer(SharedArrayBuffer), view: Task.buffer(Int32Array, { transfer: true }) })
    ).toWire({ shared, view })
    expect(wire.parts).toEqual([shared, view])
    expect(wire.parts![0]).toBe(shared)
    expect(wire.transfer).toBe(undefined)
  })

  it("hands the value itself over inline", () => {
    const value = bytes()
    const task = echo(Task.buffer(Uint8Array, { transfer: true }))
    expect(Effect.runSync(task(value))).toBe(value)
    expect(value.length).toBe(3)
  })

  it("travels in typed errors too", () => {
    class Bad extends Schema.TaggedError<Bad>()("Bad", { bytes: Task.buffer(Uint8Array) }) {}
    const task = Task.make("bad", {
      module,
      payload: Schema.Void,
      success: Schema.Void,
      error: Bad,
      run: () => Effect.fail(new Bad({ bytes: bytes() }))
    })
    const error = Effect.runSync(Effect.flip(remotely(task, task())))
    expect(error).toBeInstanceOf(Bad)
    expect((error as Bad).bytes).toEqual(bytes())
  })

  it("refuses wrong options at once", () => {
    expect(() => Task.buffer(Array as never)).toThrow(
      "Task.buffer: type must be ArrayBuffer, SharedArrayBuffer, DataView or the constructor of a typed array, got function Array"
    )
    expect(() => Task.buffer(Uint8Array, { copy: true } as never)).toThrow('Task.buffer: unknown option "copy", known are transfer')
    expect(() => Task.buffer(Uint8Array, { transfer: 1 as never })).toThrow("Task.buffer: transfer must be a boolean, got 1")
  })
})
