// breaks: eslint(no-restricted-globals)
export const now = (): number => performance.now();
