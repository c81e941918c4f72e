export function Logo() {
  return (
    <svg width="20" height="20" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#0d6986" />
      {[11.2, 16.4, 21.6].map((y, i) => (
        <path
          key={y}
          d={`M7 ${y}c3 0 3 2.2 6 2.2s3-2.2 6-2.2 3 2.2 6 2.2`}
          fill="none"
          stroke="#fff"
          strokeOpacity={1 - i * 0.27}
          strokeWidth="2.4"
          strokeLinecap="round"
        />
      ))}
    </svg>
  );
}
