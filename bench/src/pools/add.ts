/** What the workers of all pools run: as little as one can. */
export const add = ({ a, b }: { readonly a: number; readonly b: number }): number => a + b
