/** What the workers of piscina run in `taskMap.ts`: one item, or a chunk made by hand. */
interface Point {
  readonly id: number
  readonly x: number
  readonly y: number
  readonly tag: string
}

export const move = ({ id, tag, x, y }: Point): Point => ({ id, x: x + 1, y: y - 1, tag })
export const moves = (points: ReadonlyArray<Point>): ReadonlyArray<Point> => points.map(move)

export const half = (n: number): number => n / 2
export const halves = (numbers: ReadonlyArray<number>): ReadonlyArray<number> => numbers.map(half)

export const total = (numbers: Float64Array): number => numbers.reduce((sum, n) => sum + n, 0)
export const totals = (chunks: ReadonlyArray<Float64Array>): ReadonlyArray<number> => chunks.map(total)
