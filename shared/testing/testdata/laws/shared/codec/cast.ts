// breaks: typescript(no-unsafe-type-assertion)
export const cast = (value: unknown): string => value as string;
