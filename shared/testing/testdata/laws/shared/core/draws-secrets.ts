// breaks: eslint(no-restricted-globals)
export const draw = (): string => crypto.randomUUID();
