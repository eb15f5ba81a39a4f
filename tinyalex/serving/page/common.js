/* What every part of the page uses. Text from outside is only ever set as text, never read as HTML. */
export const find = (id) => document.getElementById(id);

export const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

export const percent = (p) => (p < 0.01 ? "<1%" : p > 0.99 ? ">99%" : `${Math.round(100 * p)}%`);
export const short = (label) => label.split(",")[0].trim(); // the first of a class's names
