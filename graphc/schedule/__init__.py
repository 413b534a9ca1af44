"""From a graph to kernels, loops and buffers: fusion, layout, order, memory."""
