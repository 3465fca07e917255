// breaks: eslint(no-restricted-globals)
export const { env } = process;
