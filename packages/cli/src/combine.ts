/** Combines streams of inputs: crossed, linked step by step, packed several into one. */
import type { Input } from "./job.ts"

/** The values of both; a name that both have is the second's. */
const merged = (a: Input, b: Input): Input => {
  const values = [...a.values, ...b.values]
  if (a.fields === undefined && b.fields === undefined) return { values }
  return { values, fields: Object.assign(Object.create(null), a.fields, b.fields) }
}

/** Each of the first with each of the second; the second turns fastest. The second is held, the first goes by. */
export async function* cross(outer: AsyncIterable<Input>, inner: ReadonlyArray<Input>): AsyncGenerator<Input> {
  if (inner.length === 0) return
  for await (const a of outer) for (const b of inner) yield merged(a, b)
}

/** The first of each together, then the second of each, and so on; it ends with the shortest. */
export async function* link(first: AsyncIterable<Input>, second: AsyncIterable<Input>): AsyncGenerator<Input> {
  const others = second[Symbol.asyncIterator]()
  try {
    for await (const a of first) {
      const b = await others.next()
      if (b.done === true) return
      yield merged(a, b.value)
    }
  } finally {
    await others.return?.()
  }
}

/** So many at a time; the last may have fewer. Values only. */
export async function* pack(inputs: AsyncIterable<Input>, count: number): AsyncGenerator<Input> {
  let values: Array<string> = []
  let held = 0
  for await (const input of inputs) {
    values.push(...input.values)
    if (++held < count) continue
    yield { values }
    values = []
    held = 0
  }
  if (held > 0) yield { values }
}

/** All of a stream, for what is crossed with another. */
export const collect = async (inputs: AsyncIterable<Input>): Promise<ReadonlyArray<Input>> => {
  const all: Array<Input> = []
  for await (const input of inputs) all.push(input)
  return all
}
