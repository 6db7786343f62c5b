/** What the workers of all pools run in `flavourPayload.ts`: they look at what they got, and at no more of it than shows that it is there. */
export interface Entry {
  readonly id: number
  readonly name: string
  readonly tags: ReadonlyArray<string>
  readonly at: number
}

export const entries = (list: ReadonlyArray<Entry>): number => list.length + list.at(-1)!.id

export const bytes = (view: Uint8Array): number => view.length + view[view.length - 1]!
