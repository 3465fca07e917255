// breaks: eslint(no-restricted-globals)
export const call = (url: string): unknown => fetch(url);
