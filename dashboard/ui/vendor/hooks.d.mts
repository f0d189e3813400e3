export function useState<T>(first?: T | (() => T)): [T, (next: T | ((old: T) => T)) => void];
export function useEffect(effect: () => void | (() => void), inputs?: readonly any[]): void;
export function useLayoutEffect(effect: () => void | (() => void), inputs?: readonly any[]): void;
export function useRef<T = any>(first?: T): { current: T };
export function useMemo<T>(compute: () => T, inputs: readonly any[]): T;
export function useCallback<T>(callback: T, inputs: readonly any[]): T;
