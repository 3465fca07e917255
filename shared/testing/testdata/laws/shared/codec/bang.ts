// breaks: typescript(no-non-null-assertion)
export const first = (values: readonly string[]): string => values[0]!;
