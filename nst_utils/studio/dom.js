// Put before every widget's script: it makes an element at the end of another one.

function make(parent, kind, name = "", options = {}) {
  const made = Object.assign(document.createElement(kind), options);
  if (name) made.className = name;
  parent.append(made);
  return made;
}
