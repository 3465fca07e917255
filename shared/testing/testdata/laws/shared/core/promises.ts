// breaks: eslint(no-restricted-globals)
export const promised = Promise.resolve(1);
