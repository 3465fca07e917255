// breaks: eslint(no-restricted-globals)
export const later = (callback: () => void): unknown => setTimeout(callback, 1);
